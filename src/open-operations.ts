/**
 * What is known before anybody asks, joined: operation files and manifests, the routes and the trusted documents that
 * they make, and how both follow changed files and new supergraphs. In: configuration, the gateway. Clock: per process.
 */
import type { TrustedDocuments } from './client/document-choice';
import { type ProxyRoute, routeKey, toProxyRoute } from './client/rest/routes';
import { type Config, ConfigError } from './config';
import type { Gateway } from './gateway';
import type { FileProblem } from './operation/operation-files';
import { maxTold, OperationLibrary, type OperationSet, problemsError } from './operation/operation-library';
import { createTrustedDocuments } from './operation/trusted-documents';
import { findMisfits, prepareDocuments } from './supergraph/known-documents';
import { buildRestRoutes, RestRouteTable } from './supergraph/rest-routes';
import type { Log } from './telemetry/log';

/** Reads what the configuration names; undefined when it names nothing. Rejects with `ConfigError`. */
export async function openLibrary(
  { rest, trustedDocuments: { files, mode } }: Config,
  log: Log,
): Promise<OperationLibrary | undefined> {
  const named = mode === 'off' ? [] : files;
  if (rest.operations === undefined && named.length === 0) {
    if (mode !== 'only' && rest.proxy.length === 0) return undefined;
    if (mode !== 'only') return OperationLibrary.open({ directory: undefined, files: [], log });
    const message = 'nothing could run: name documents in trustedDocuments.files or rest.operations';
    throw new ConfigError([{ file: 'configuration', path: 'trustedDocuments.mode', message }]);
  }
  return OperationLibrary.open({ directory: rest.operations, files: named, log });
}

export interface KnownOperations {
  /** Absent: there are no REST routes. */
  readonly rest: RestRouteTable | undefined;
  readonly trusted: TrustedDocuments | undefined;
  close(): Promise<void>;
}

/** Makes routes and trusted documents of a library. Rejects with `ConfigError` for operation files that do not fit. */
export async function openOperations(
  { rest, trustedDocuments, planner }: Config,
  library: OperationLibrary | undefined,
  gateway: Gateway,
  log: Log,
): Promise<KnownOperations> {
  if (!library) return { rest: undefined, trusted: undefined, close: async () => {} };
  const proxies = rest.proxy.map(toProxyRoute);
  const table = new RestRouteTable(library, gateway, proxies);
  const problems = [...findTaken(library.current, proxies), ...(await table.open())];
  if (problems.length > 0) {
    table.close();
    throw problemsError(problems);
  }
  const known = gateway.current?.subgraphNames ?? [];
  for (const { name, subgraph } of proxies.filter((proxy) => !known.includes(proxy.subgraph)))
    log.warn({ route: name, subgraph }, 'A route passes to a subgraph that the supergraph does not have');
  const { mode } = trustedDocuments;
  if (trustedDocuments.watch) {
    const accept = (next: OperationSet) => acceptSet(next, proxies, gateway, planner.warmTimeoutMs, log);
    library.watch(accept, () => table.build());
  }
  return {
    rest: rest.operations === undefined && proxies.length === 0 ? undefined : table,
    trusted: mode === 'off' ? undefined : createTrustedDocuments(library, { ...trustedDocuments, mode, log }),
    async close() {
      table.close();
      await library.close();
    },
  };
}

/** Routes of operations that are routes of subgraphs already. */
function findTaken({ operations }: OperationSet, proxies: readonly ProxyRoute[]): FileProblem[] {
  const taken = new Set(proxies.map(({ method, parts }) => routeKey(method, parts)));
  return operations.flatMap(({ name, file, node, rest }) => {
    if (!rest || !taken.has(routeKey(rest.method, rest.path))) return [];
    const { line = 1, column = 1 } = node.loc?.startToken ?? {};
    return [{ file, line, column, message: `The route of ${name} is in rest.proxy already.` }];
  });
}

/** Operation files must fit the supergraph; the documents of a manifest may be those of a client long gone. */
async function acceptSet(
  next: OperationSet,
  proxies: readonly ProxyRoute[],
  { current }: Gateway,
  timeoutMs: number,
  log: Log,
): Promise<readonly FileProblem[]> {
  if (!current) return [];
  const taken = findTaken(next, proxies);
  const problems = [...taken, ...(await buildRestRoutes(next.operations, current)).problems];
  if (problems.length > 0) return problems;
  const misfits = await findMisfits(next.documents, current);
  for (const { file, message } of misfits.slice(0, maxTold))
    log.error({ file, message }, 'A document does not fit the supergraph');
  await prepareDocuments(next.documents, current, timeoutMs);
  return [];
}
