/**
 * What the engine asks of whoever talks to subgraphs. Declared here because the consumer declares what it needs;
 * `src/subgraph/` implements it and `src/gateway.ts` hands it in.
 */
import type { RequestContext } from '../context/request-context';
import type { SubgraphError } from '../errors';

/** One GraphQL request to one subgraph: `body` is the finished JSON text. */
export interface SubgraphRequest {
  readonly subgraph: string;
  readonly body: string;
  readonly kind: 'query' | 'mutation';
  readonly context: RequestContext;
  /** More headers (lower case names) for this one, names and values in turn. */
  readonly headers?: readonly string[] | undefined;
  /** How many entities are asked for; absent: root fields are. */
  readonly entities?: number | undefined;
}

export interface SubgraphGraphQLError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Parsed and shape-checked. `data` belongs to the caller alone: it may be changed. */
export interface SubgraphResponse {
  readonly data: Record<string, unknown> | null | undefined;
  /** Whether it is known that no string of `data` needs an escape in JSON. */
  readonly isPlain?: boolean;
  readonly errors?: readonly SubgraphGraphQLError[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Rejects only with `SubgraphError`. */
export type SubgraphCall = (request: SubgraphRequest) => Promise<SubgraphResponse>;

/** What a subgraph sends for one subscription. None may throw; after `onEnd` nothing is told. */
export interface SubgraphEvents {
  /** The subgraph has taken the subscription: from now on no event is missed. Told once, before the first event. */
  onEstablished(): void;
  /** `afterGap`: since the event before, some may have been lost. The response belongs to the receiver alone. */
  onEvent(response: SubgraphResponse, afterGap: boolean): void;
  onEnd(end: SubgraphStreamEnd): void;
}

export type SubgraphStreamEnd =
  | { readonly kind: 'complete' }
  /** The subgraph refused or ended the subscription with errors of its own. */
  | { readonly kind: 'refused'; readonly errors: readonly SubgraphGraphQLError[] }
  /** It could not be reached, or not again in time. */
  | { readonly kind: 'lost'; readonly error: SubgraphError };

/** A subscription as a subgraph is asked for it. */
export interface SubgraphSubscription {
  readonly subgraph: string;
  /** The finished JSON text. */
  readonly body: string;
  /** Tells apart those who may get different events. */
  readonly scope: string;
}

/** How a source is opened. */
export interface SourceOpening {
  /** Lower case names. Called at each connection: what headers say of who asks grows old. */
  headers(): Readonly<Record<string, string>>;
  /** Whether to go on trying when the first attempt fails, as with an established subscription that is lost. */
  readonly isPatient: boolean;
}

/** Where the events of a subscription come from. */
export interface SubgraphSource {
  /** Equal keys, same events: the same subgraph at the same place, asked the same by the same. */
  readonly key: string;
  /** Asks for the events; returns what ends the subscription. Nothing is told before this returns. */
  open(opening: SourceOpening, events: SubgraphEvents): () => void;
}

export type FindSubgraphSource = (subscription: SubgraphSubscription) => SubgraphSource;
