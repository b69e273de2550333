/**
 * Who brings supergraphs to a gateway, now and later: the `SupergraphManager` interface of `@apollo/gateway`, so that
 * its managers (`IntrospectAndCompose`, Uplink, one's own) serve here too. Clock: per supergraph.
 * It must never decide whether a supergraph is served: that is `generations.ts`.
 */
import { Kind, parse } from 'graphql';
import type { CompositionResult } from './planner-client';
import type { SubgraphSdl } from './planner-thread';

export interface SupergraphHooks {
  /** Serves another supergraph from now on. Never rejects: a refusal is told to the log, and the old one stays. */
  update(supergraphSdl: string): Promise<void>;
  /** Rejects when a subgraph of that supergraph does not answer. */
  healthCheck(supergraphSdl: string): Promise<void>;
  getDataSource(subgraph: { readonly name: string; readonly url?: string }): SubgraphDataSource;
  /** Composes on the gateway's planner thread. */
  compose(subgraphs: readonly SubgraphSdl[]): Promise<CompositionResult>;
  /** A newer supergraph could not be had: what is served stays, and `/health` tells it. */
  reportUnreadable(reason: string): void;
}

/** What a manager is given to ask a subgraph for its schema; as in `@apollo/gateway`. */
export interface SubgraphDataSource {
  process(options: {
    readonly request: {
      readonly query?: string;
      readonly variables?: Readonly<Record<string, unknown>>;
      readonly http?: { readonly headers?: Iterable<[string, string]> };
    };
  }): Promise<SubgraphAnswer>;
}

export interface SubgraphAnswer {
  readonly data?: Record<string, unknown> | null;
}

export interface ManagedSupergraph {
  /** The first supergraph. */
  readonly supergraphSdl: string;
  /** Ends whatever the manager does. */
  readonly cleanup?: () => Promise<void>;
  /** A supergraph of this manager is served. */
  readonly onServed?: (supergraphSdl: string) => void;
}

export interface SupergraphManager {
  /** Rejects when there is no first supergraph. */
  initialize(hooks: SupergraphHooks): Promise<ManagedSupergraph>;
}

/** A composed supergraph that stays, or who brings one after the other. */
export type SupergraphInput = { readonly sdl: string } | SupergraphManager | SupergraphManager['initialize'];

/** Every form as a manager. */
export function toManager(input: SupergraphInput): SupergraphManager {
  if (typeof input === 'function') return { initialize: input };
  if ('initialize' in input) return input;
  return { initialize: async () => ({ supergraphSdl: input.sdl }) };
}

const requestTimeoutMs = 10_000;

/** A subgraph over HTTP, for what managers ask of it. */
export function createDataSource(
  { url = '' }: { readonly url?: string },
  ownHeaders: () => Readonly<Record<string, string>>,
): SubgraphDataSource {
  return {
    async process({ request: { query, variables, http } }) {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          ...Object.fromEntries(http?.headers ?? []),
          ...ownHeaders(),
          'content-type': 'application/json',
          accept: 'application/json',
        },
        body: JSON.stringify({ query, variables }),
        redirect: 'error',
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      if (!response.ok) throw new Error(`the subgraph answered with HTTP status ${response.status}`);
      return (await response.json()) as SubgraphAnswer;
    },
  };
}

/** Asks every subgraph of a supergraph for `{ __typename }`; rejects with the names of those that do not answer. */
export async function checkSubgraphs(
  supergraphSdl: string,
  getDataSource: SupergraphHooks['getDataSource'],
): Promise<void> {
  const subgraphs = readSubgraphs(supergraphSdl);
  const results = await Promise.allSettled(
    subgraphs.map(async (subgraph) => {
      const { data } = await getDataSource(subgraph).process({ request: { query: '{ __typename }' } });
      if (!data) throw new Error('no data');
    }),
  );
  const failed = subgraphs.filter((_, index) => results[index]?.status === 'rejected').map(({ name }) => name);
  if (failed.length > 0) throw new Error(`These subgraphs do not answer: ${failed.join(', ')}.`);
}

/** Names and routing URLs, from the values of `join__Graph`: https://specs.apollo.dev/join/v0.3. */
function readSubgraphs(supergraphSdl: string): { name: string; url: string }[] {
  const { definitions } = parse(supergraphSdl, { noLocation: true });
  const graphs = definitions.find(
    (definition) => definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'join__Graph',
  );
  if (graphs?.kind !== Kind.ENUM_TYPE_DEFINITION) return [];
  return (graphs.values ?? []).flatMap(({ directives = [] }) => {
    const graph = directives.find(({ name }) => name.value === 'join__graph');
    const text = (key: string) => {
      const value = graph?.arguments?.find(({ name }) => name.value === key)?.value;
      return value?.kind === Kind.STRING ? value.value : '';
    };
    return graph ? [{ name: text('name'), url: text('url') }] : [];
  });
}
