/**
 * Rate limits and cache hints of a subgraph that could not be kept as they are written: composition would hand them on
 * unread.
 * Runs in the planner thread. Clock: per supergraph.
 */
import type { ServiceDefinition } from '@apollo/federation-internals';
import { readCacheHints } from '../policy/cache-declarations';
import { readRateLimits } from '../policy/rate-limit-declarations';
import { type CompositionIssue, locateNodes } from './composition-issues';

/** `tiers`: names of tiers that there are; without them any is taken. */
export function findPolicyIssues(
  subgraph: ServiceDefinition,
  tiers: readonly string[] | undefined,
): CompositionIssue[] {
  const problems = [
    ...readRateLimits(subgraph.typeDefs, tiers).problems.map((problem) => ({ ...problem, code: 'INVALID_RATE_LIMIT' })),
    ...readCacheHints(subgraph.typeDefs, 'subgraph').problems.map((problem) => {
      return { ...problem, code: 'INVALID_CACHE_CONTROL' };
    }),
  ];
  return problems.map(({ code, coordinate, message, node }) => ({
    code,
    message: `${coordinate}: ${message}`,
    locations: locateNodes(node ? [node] : [], [subgraph]),
  }));
}
