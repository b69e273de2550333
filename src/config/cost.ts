/**
 * The `cost` section: what operations cost, by `@cost` and `@listSize` of the supergraph, and what they may.
 */
import { z } from 'zod';
import { quotaProblem, rateLimitWords, windowText } from './rate-limits';
import { count } from './values';

const budgetSchema = z.strictObject({
  max: count().describe('So much cost per window.'),
  window: windowText().describe('A time with its unit: `30s`, `15m`, `1h`, `7d`.'),
  by: z.enum(rateLimitWords.countedBy).default('identity').describe('Who has a budget; anonymous: an address.'),
  algorithm: z
    .enum(rateLimitWords.algorithms)
    .default('sliding-window')
    .describe('`sliding-window` is exact; `token-bucket` spends `max` at once and then refills evenly.'),
  onStoreFailure: z.enum(rateLimitWords.storeFailures).optional().describe('Default: that of `rateLimits`.'),
  overrides: z
    .record(z.string(), z.strictObject({ max: count(), window: windowText() }).partial())
    .default({})
    .describe('By the tier of who asks: what differs.'),
});

export const costSchema = z
  .strictObject({
    mode: z
      .enum(['off', 'measure', 'enforce'])
      .default('off')
      .describe('`measure` only tells in metrics and extensions; `enforce` refuses, and spends budgets.'),
    maxCost: count().default(10_000).describe('Estimated cost of one operation.'),
    defaultListSize: count().default(10).describe('Items of a list of which `@listSize` says nothing.'),
    actual: z
      .boolean()
      .default(false)
      .describe('Count the cost of each answer too, from its data; the answer is then not written as it is read.'),
    extensions: z
      .enum(['never', 'header', 'always'])
      .default('header')
      .describe('Who is told in `extensions.cost`; `header`: who sends `supergate-cost: 1`.'),
    budget: budgetSchema.optional().describe('Absent: no budgets.'),
  })
  .superRefine(({ maxCost, budget }, check) => {
    if (!budget) return;
    const maxima = [
      [['budget', 'max'], budget.max] as const,
      ...Object.entries(budget.overrides).flatMap(([tier, { max }]) =>
        max === undefined ? [] : [[['budget', 'overrides', tier, 'max'], max] as const],
      ),
    ];
    for (const [path, max] of maxima) {
      const tooLow = max < maxCost ? `is less than maxCost (${maxCost}): such an operation could never run` : undefined;
      const message = quotaProblem(max, budget.algorithm) ?? tooLow;
      if (message !== undefined) check.addIssue({ code: 'custom', path: [...path], message });
    }
  })
  .prefault({});

export type CostConfig = z.output<typeof costSchema>;
export type CostBudget = NonNullable<CostConfig['budget']>;

/** What a client sends to be told of costs, with any value. */
export const costHeader = 'supergate-cost';
