/**
 * The `hooks` section: a module with functions that are called on the way of requests.
 */
import { z } from 'zod';
import { milliseconds, text } from './values';

export const hooksSchema = z
  .strictObject({
    module: text()
      .optional()
      .describe('A module of JavaScript that exports hooks and `policies`; the path is relative to this file.'),
    timeoutMs: milliseconds().max(60_000).default(1_000).describe('Time for each call of a hook.'),
  })
  .prefault({});
