/**
 * What the engine asks of whoever talks to subgraphs. Declared here because the consumer declares what it needs;
 * `src/subgraph/` implements it and `src/gateway.ts` hands it in.
 */
import type { RequestContext } from '../context/request-context';

/** One GraphQL request to one subgraph: `body` is the finished JSON text. */
export interface SubgraphRequest {
  readonly subgraph: string;
  readonly body: string;
  readonly kind: 'query' | 'mutation';
  readonly context: RequestContext;
}

export interface SubgraphGraphQLError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Parsed and shape-checked. `data` belongs to the caller alone: it may be changed. */
export interface SubgraphResponse {
  readonly data: Record<string, unknown> | null | undefined;
  readonly errors?: readonly SubgraphGraphQLError[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Rejects only with `SubgraphError`. */
export type SubgraphCall = (request: SubgraphRequest) => Promise<SubgraphResponse>;
