/**
 * Parts of the `subgraphs` section: how instances are chosen, when they are left out, what is asked again.
 * Clock: per start.
 */
import { z } from 'zod';
import { count, headerName, httpUrl, milliseconds, text } from './values';

const share = () => z.number().min(0).max(1);

/** Where a subgraph runs. */
export const instancesSchema = z
  .array(
    z.strictObject({
      url: httpUrl().describe('Of one instance.'),
      weight: z
        .number()
        .positive()
        .max(1_000)
        .default(1)
        .describe('Its share of the calls, beside that of the others.'),
      zone: text().optional().describe('Where it runs; see `zone`. Without it, it is near to everybody.'),
    }),
  )
  .min(1)
  .describe('Where the subgraph runs, instead of `url` and the routing URL.');

const balancing = {
  policy: z
    .enum(['powerOfTwo', 'leastOutstanding', 'roundRobin', 'hash'])
    .describe(
      'The better of two by latency and calls under way; the fewest calls under way; in turn; by identity or a header.',
    ),
  hashHeader: headerName().describe(
    'For `hash`: a header that the subgraph gets; equal values go to one instance. Without it, equal identities do.',
  ),
  hashLoadFactor: z
    .number()
    .min(1)
    .max(100)
    .describe('For `hash`: one with so many times the mean of calls under way passes further ones on. Absent: never.'),
  slowStartMs: milliseconds().describe('An instance that is new or came back gets its full share after so long.'),
};

const health = {
  consecutiveFailures: count().describe('Failures in a row that leave an instance out, where there are others.'),
  failureShare: share().describe('Failures among the calls of ten seconds that leave an instance out.'),
  minimumCalls: count().describe('With fewer calls in ten seconds `failureShare` is not looked at.'),
  ejectionMs: milliseconds().describe('An instance is left out for so long, then for twice as long, and so on.'),
  maxEjectionMs: milliseconds().describe('At the longest.'),
  maxEjectedShare: share().describe('No more of the instances are left out at a time.'),
};

const probe = {
  kind: z
    .enum(['off', 'graphql', 'http'])
    .describe(
      'Each instance is asked for `{ __typename }`, or for `path` by GET, whether it is well; off: calls tell.',
    ),
  path: z.string().startsWith('/').describe('For `http`: answered with a status from 200 to 299 by who is well.'),
  intervalMs: milliseconds().describe('Each instance is asked so often, a quarter more or less.'),
  timeoutMs: milliseconds().describe('Time for the answer.'),
  failures: count().describe('Failed in a row, they leave an instance out.'),
  successes: count().describe('Answered in a row, they take it back.'),
};

const retries = {
  attempts: z.int().min(1).max(10).describe('Attempts for one query, the first included; 1: none is repeated.'),
  statuses: z.array(z.int().min(400).max(599)).describe('HTTP statuses that a query is repeated for.'),
  backoffMs: milliseconds().describe('The first repetition waits up to so long, the next ones twice as long each.'),
  maxBackoffMs: milliseconds().describe('At the longest.'),
  anotherAfterMs: milliseconds().describe('A query unanswered for so long is asked of another instance too.'),
  budgetShare: share().describe('Of the queries: no more are repeated.'),
  budgetBurst: count().describe('Repetitions that are saved up at most.'),
  idempotencyHeader: headerName().describe(
    'A mutation that carries this header to the subgraph is repeated like a query. Absent: none is.',
  ),
};

const breaker = {
  enabled: z.boolean().describe('Leave a subgraph alone that fails or is slow as a whole, whatever its instances.'),
  failureShare: share().describe('Failures among the calls of ten seconds that open it.'),
  slowCallMs: milliseconds().describe('A call that takes longer is slow.'),
  slowShare: share().describe('Slow calls among those of ten seconds that open it.'),
  minimumCalls: count().describe('With fewer calls in ten seconds their shares are not looked at.'),
  openMs: milliseconds().describe('It is open for so long, then for twice as long, and so on.'),
  maxOpenMs: milliseconds().describe('At the longest.'),
  codes: z.array(z.string().min(1)).describe('Codes of GraphQL errors that count as failures.'),
};

/** For one subgraph: all of it optional. */
export const resilienceShape = {
  balancing: z.strictObject(balancing).partial(),
  health: z.strictObject({ ...health, probe: z.strictObject(probe).partial() }).partial(),
  retries: z.strictObject(retries).partial(),
  breaker: z.strictObject(breaker).partial(),
};

/** For all subgraphs. */
export const resilienceDefaults = {
  balancing: z
    .strictObject({
      policy: balancing.policy.default('powerOfTwo'),
      hashHeader: balancing.hashHeader.optional(),
      hashLoadFactor: balancing.hashLoadFactor.optional(),
      slowStartMs: balancing.slowStartMs.default(10_000),
    })
    .prefault({}),
  health: z
    .strictObject({
      consecutiveFailures: health.consecutiveFailures.default(5),
      failureShare: health.failureShare.default(0.5),
      minimumCalls: health.minimumCalls.default(20),
      ejectionMs: health.ejectionMs.default(1_000),
      maxEjectionMs: health.maxEjectionMs.default(4_000),
      maxEjectedShare: health.maxEjectedShare.default(1),
      probe: z
        .strictObject({
          kind: probe.kind.default('off'),
          path: probe.path.default('/health'),
          intervalMs: probe.intervalMs.default(5_000),
          timeoutMs: probe.timeoutMs.default(1_000),
          failures: probe.failures.default(2),
          successes: probe.successes.default(2),
        })
        .prefault({}),
    })
    .prefault({}),
  retries: z
    .strictObject({
      attempts: retries.attempts.default(3),
      statuses: retries.statuses.default([502, 503, 504]),
      backoffMs: retries.backoffMs.default(25),
      maxBackoffMs: retries.maxBackoffMs.default(1_000),
      anotherAfterMs: retries.anotherAfterMs.default(1_000),
      budgetShare: retries.budgetShare.default(0.08),
      budgetBurst: retries.budgetBurst.default(30),
      idempotencyHeader: retries.idempotencyHeader.optional(),
    })
    .prefault({}),
  breaker: z
    .strictObject({
      enabled: breaker.enabled.default(false),
      failureShare: breaker.failureShare.default(0.5),
      slowCallMs: breaker.slowCallMs.default(5_000),
      slowShare: breaker.slowShare.default(0.8),
      minimumCalls: breaker.minimumCalls.default(50),
      openMs: breaker.openMs.default(1_000),
      maxOpenMs: breaker.maxOpenMs.default(4_000),
      codes: breaker.codes.default([]),
    })
    .prefault({}),
};
