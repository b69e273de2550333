/**
 * The `rest` section: operation files as REST routes.
 */
import { z } from 'zod';
import { milliseconds, text } from './values';

const prefix = () =>
  z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)+$/, { error: 'expected a path such as "/api/v1", without a slash at its end' });

export const restSchema = z
  .strictObject({
    operations: text()
      .optional()
      .describe('Directory of operation files (`.graphql`), relative to this file. Absent: there are no REST routes.'),
    prefixes: z
      .array(prefix())
      .min(1, { error: 'name at least one prefix' })
      .default(['/api/v1', '/api'])
      .describe('Each serves every route; the first one is documented.'),
    docs: z.boolean().default(true).describe('Serve /openapi.json and Swagger UI at /docs.'),
    idempotencyMs: milliseconds()
      .default(86_400_000)
      .describe('How long the answer to an Idempotency-Key is kept, in Redis where there is one.'),
  })
  .prefault({});
