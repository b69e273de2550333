/**
 * The `cache` section: whose answers are kept, where, and how long beyond what the schema says.
 */
import { z } from 'zod';
import { count, milliseconds, reloadable, text } from './values';

export const cacheSchema = z
  .strictObject({
    answers: z
      .enum(['none', 'public', 'private'])
      .default('none')
      .describe(
        'Which answers the gateway keeps: none (clients are told of ages all the same), those of everybody, or those of one identity as well.',
      ),
    defaultMaxAgeMs: milliseconds()
      .optional()
      .describe(
        'For root fields and objects without an age in the schema. Absent: what holds such a field is never kept.',
      ),
    maxStoredMs: milliseconds()
      .max(86_400_000)
      .default(3_600_000)
      .describe('No answer is kept longer, whatever the schema says.'),
    staleWhileRevalidateMs: milliseconds()
      .optional()
      .describe('An answer so much older than its age is still given, and asked anew meanwhile.'),
    staleIfErrorMs: milliseconds()
      .optional()
      .describe('An answer so much older than its age is given where a subgraph fails.'),
    maxBytes: reloadable(count().min(100_000), false)
      .default(100_000_000)
      .describe('Memory of the answers that this process keeps.'),
    maxAnswerBytes: count().default(1_000_000).describe('Longer answers are not kept.'),
    shared: reloadable(z.boolean(), false)
      .default(true)
      .describe('Keep answers in Redis where there is one, so that gateways share them and what makes them old.'),
    namespace: reloadable(
      z.string().regex(/^[\w.:-]{1,64}$/, { error: 'expected letters, digits, ".", ":", "-" and "_"' }),
      false,
    )
      .default('supergate')
      .describe('Gateways with the same namespace in the same Redis share their answers.'),
    invalidateByMutations: z.boolean().default(true).describe('What a mutation answers is old everywhere else.'),
    invalidations: z
      .record(
        text(),
        z
          .array(text())
          .describe('By the name of a mutation field: tags that are old after it, with its arguments: `Post:{id}`.'),
      )
      .default({}),
  })
  .prefault({});
