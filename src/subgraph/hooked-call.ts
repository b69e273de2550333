/**
 * Calls to subgraphs with the hooks of the host around them. In and out: `SubgraphCall`. Clock: per request.
 * Only where there are such hooks; a hook that fails, or refuses, fails this call alone.
 */

import { mayPass } from '../context/header-sources';
import type { HookRunner } from '../context/hooks';
import { ClientError, SubgraphError } from '../errors';
import type { SubgraphCall, SubgraphRequest, SubgraphResponse } from '../query-plan/subgraph-call';

/** Wraps `call`. `untouchable`: lower case names that no hook may write. */
export function withHooks(call: SubgraphCall, runner: HookRunner, untouchable: ReadonlySet<string>): SubgraphCall {
  const { onSubgraphRequest, onSubgraphResponse } = runner.hooks;
  if (onSubgraphRequest === undefined && onSubgraphResponse === undefined) return call;
  return async (request) => {
    const { subgraph, kind, context } = request;
    const told = { ...runner.contextOf(context), subgraph, kind };
    const startedAt = performance.now();
    try {
      const asked = onSubgraphRequest
        ? await runner.run('onSubgraphRequest', context, () => onSubgraphRequest(told))
        : undefined;
      const headers = runner.headersOf('onSubgraphRequest', context.log, asked?.headers);
      const response = await call(withHeaders(request, headers, untouchable));
      if (onSubgraphResponse) {
        const ended = { ...told, ...factsOf(response), durationMs: performance.now() - startedAt };
        await runner.run('onSubgraphResponse', context, () => onSubgraphResponse(ended));
      }
      return response;
    } catch (error) {
      if (error instanceof ClientError) throw new SubgraphError(error.code, subgraph, error.message);
      throw error;
    }
  };
}

function withHeaders(
  request: SubgraphRequest,
  headers: readonly string[],
  untouchable: ReadonlySet<string>,
): SubgraphRequest {
  const allowed = headers.filter((_item, index) => {
    const name = headers[index - (index % 2)] ?? '';
    return mayPass(name) && !untouchable.has(name);
  });
  return allowed.length === 0 ? request : { ...request, headers: allowed };
}

function factsOf({ errors = [], extensions = {} }: SubgraphResponse) {
  const codes = errors.flatMap(({ extensions: own }) => (typeof own?.code === 'string' ? [own.code] : []));
  return { codes, extensions };
}
