/**
 * The `overload` section: when requests are refused because there are too many, and whose never are.
 */
import { z } from 'zod';
import { count, headerName, list, milliseconds, text } from './values';

export const overloadSchema = z
  .strictObject({
    shedding: z.boolean().default(true).describe('Refuse requests with 503 while there is too much to do.'),
    maxEventLoopDelayMs: milliseconds()
      .max(10_000)
      .default(50)
      .describe(
        'How late the event loop may be; if it is later all the time while many requests come, fewer are let in.',
      ),
    maxInFlight: count().default(10_000).describe('Requests under way at most, however quick the event loop is.'),
    priority: z
      .strictObject({
        header: z
          .strictObject({
            name: headerName(),
            values: z.array(text()).min(1).describe('One of these.'),
          })
          .optional()
          .describe('Requests with this header are never refused: let a proxy set it, for clients could.'),
        operations: list(text()).describe('Names of operations that are never refused.'),
        tiers: list(text()).describe('Tiers (of tokens and API keys) whose requests are never refused.'),
      })
      .prefault({}),
  })
  .prefault({});
