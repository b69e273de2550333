/**
 * The `planner` section: query plans.
 */
import { z } from 'zod';
import { count, milliseconds } from './values';

export const plannerSchema = z
  .strictObject({
    timeoutMs: milliseconds().default(3_000).describe('Time for one query plan.'),
    loadTimeoutMs: milliseconds().default(120_000).describe('Time to compose a supergraph, or to load one.'),
    maxEvaluatedPlans: count()
      .default(1_000)
      .describe('Candidate plans that are compared before the best so far is taken; fewer for long operations.'),
    maxPaths: count().default(2_000).describe('Ways to reach one selection through subgraphs that are compared.'),
    maxFetches: count().default(500).describe('Fetches of one query plan.'),
    maxDepth: count().default(50).describe('Fetches of one query plan that wait for one another.'),
    maxQueued: count().default(1_000).describe('Operations that wait to be planned.'),
    maxHeapBytes: count().min(64_000_000).default(2_000_000_000).describe('Memory of the planner thread.'),
    cacheMaxBytes: count().default(50_000_000).describe('Memory of the cached query plans of one supergraph.'),
    sharedLifetimeMs: milliseconds().default(86_400_000).describe('Time that a query plan is kept in Redis.'),
    warmOperations: z
      .int()
      .min(0)
      .max(10_000)
      .default(200)
      .describe('Operations asked most that a new supergraph plans before it is served.'),
    warmTimeoutMs: milliseconds().default(10_000).describe('Time for that; the others are planned when asked.'),
  })
  .prefault({});
