/**
 * The `supergraph` section: how newer supergraphs are noticed. Where the first one is, the command line says.
 */
import { z } from 'zod';
import { count, hidden, milliseconds, text } from './values';

export const supergraphSchema = z
  .strictObject({
    watch: z.boolean().default(true).describe('Serve a changed file as soon as it is whole.'),
    pollMs: milliseconds()
      .default(10_000)
      .describe('How often a supergraph URL, and subgraphs that are introspected, are asked for changes.'),
    timeoutMs: milliseconds().default(10_000).describe('Time for one such question.'),
    headers: hidden(z.record(z.string(), z.string()))
      .default({})
      .describe('Headers of the request for a supergraph URL, such as `authorization`.'),
    lastGoodFile: text()
      .optional()
      .describe(
        'Where the last supergraph that was served is kept, for a start while its URL or subgraphs are down; relative to this file.',
      ),
    maxDraining: count().default(3).describe('Replaced supergraphs whose operations may still run.'),
  })
  .prefault({});
