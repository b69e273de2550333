/**
 * The `limits`, `timeouts` and `sharing` sections: what one operation may hold.
 */
import { z } from 'zod';
import { count, headerName, list, milliseconds, text } from './values';

/** So that reading and validating a document holds other requests up for less than 50 ms. */
export const limitsSchema = z
  .strictObject({
    maxTokens: count().default(10_000).describe('Tokens of a document.'),
    maxDepth: count().default(25).describe('Nested levels of an operation; the introspection query has 15.'),
    maxAliases: count().default(1_000).describe('Aliases, with fragments expanded.'),
    maxRootFields: count().default(200).describe('Root fields, with fragments expanded.'),
    maxSelections: count()
      .default(10_000)
      .describe('Fields, fragments and argument values, with fragments expanded; a definition counts for ten.'),
    maxDirectives: count().default(500).describe('Directives of a document.'),
    maxListDepth: count().default(10).describe('Lists in lists, however many fields are between them.'),
    maxVariableValues: count()
      .default(10_000)
      .describe('Items of lists and fields of input objects in the variables of one request, in all.'),
    maxErrors: count().default(100).describe('Errors in one answer.'),
  })
  .prefault({});

export const timeoutsSchema = z
  .strictObject({
    operationMs: milliseconds().default(30_000).describe('From the arrival of an operation to its answer.'),
    operations: list(
      z.strictObject({
        names: z.array(text()).min(1).optional().describe('Names of operations; absent: of any name.'),
        types: z
          .array(z.enum(['query', 'mutation']))
          .min(1)
          .optional()
          .describe('Absent: of either type.'),
        timeoutMs: milliseconds().describe('Instead of `operationMs`.'),
      }),
    ).describe('The first that fits an operation counts.'),
    clientHeader: headerName()
      .optional()
      .describe('A header by which clients say how many milliseconds they wait. Absent: they cannot.'),
    maxClientMs: milliseconds().default(60_000).describe('A client that says it waits longer waits so long.'),
    readinessMs: z
      .int()
      .min(0)
      .max(600_000)
      .default(500)
      .describe(
        'Between "not ready" and the end of listening when the gateway closes: what a balancer needs to look away.',
      ),
    drainMs: milliseconds().default(10_000).describe('Time that running requests have when the gateway closes.'),
  })
  .prefault({});

export const sharingSchema = z
  .strictObject({
    queries: z.boolean().default(true).describe('Identical queries under way of one identity share one execution.'),
    subgraphQueries: z.boolean().default(true).describe('Identical queries under way to a subgraph share one request.'),
  })
  .prefault({});
