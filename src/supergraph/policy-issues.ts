/**
 * Rate limits of a subgraph that could not be enforced as they are written: composition would hand them on unread.
 * Runs in the planner thread. Clock: per supergraph.
 */
import type { ServiceDefinition } from '@apollo/federation-internals';
import { readRateLimits } from '../policy/rate-limit-declarations';
import { type CompositionIssue, locateNodes } from './composition-issues';

/** `tiers`: names of tiers that there are; without them any is taken. */
export function findPolicyIssues(
  subgraph: ServiceDefinition,
  tiers: readonly string[] | undefined,
): CompositionIssue[] {
  return readRateLimits(subgraph.typeDefs, tiers).problems.map(({ coordinate, message, node }) => ({
    code: 'INVALID_RATE_LIMIT',
    message: `${coordinate}: ${message}`,
    locations: locateNodes(node ? [node] : [], [subgraph]),
  }));
}
