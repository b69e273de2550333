/**
 * The `rest` section: operation files as REST routes, and routes that a subgraph answers itself.
 */
import { z } from 'zod';
import { audienceSchema } from './authorization';
import { count, headerName, list, milliseconds, text } from './values';

const prefix = () =>
  z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)+$/, { error: 'expected a path such as "/api/v1", without a slash at its end' });

const pathPart = String.raw`([A-Za-z0-9._~-]+|\{\w+\})`;
const path = () =>
  z
    .string()
    .regex(new RegExp(`^(/${pathPart})+$`), { error: 'expected a path such as "/files/{id}"' })
    .refine((written) => !/\/\.\.?(\/|$)/.test(written), { error: '"." and ".." are no parts of a path' });

const variablesOf = (written: string) => [...written.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);

const proxySchema = z
  .strictObject({
    path: path().describe('Below each prefix: `/upload`, `/files/{id}`.'),
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
    subgraph: text().describe('Whose instances answer it.'),
    target: path().describe('The path there, with the variables of `path`.'),
    description: text().optional().describe('For the OpenAPI document.'),
    authenticated: z.boolean().default(false).describe('Whether a request without credentials is 401.'),
    audience: audienceSchema.optional().describe('Who may, of those who are signed in; others are 403.'),
    parameters: list(text()).describe('Names of the query parameters that pass; others are 400.'),
    contentTypes: list(text()).describe('Media types that the body may have. None: it has no body.'),
    requestHeaders: list(headerName()).describe(
      'Headers of the client that pass besides `content-type`, `accept` and those of ranges and validators.',
    ),
    responseType: text().default('application/json').describe('For the OpenAPI document.'),
    maxRequestBytes: count().default(1_000_000).describe('A larger body is 413.'),
    maxResponseBytes: count()
      .default(100_000_000)
      .describe('A larger answer is cut off, or 502 where its length is told.'),
    timeoutMs: milliseconds().default(60_000).describe('From the first byte of the request to the last of the answer.'),
  })
  .refine((proxy) => variablesOf(proxy.target).every((name) => variablesOf(proxy.path).includes(name)), {
    error: 'has a variable that path does not have',
    path: ['target'],
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .refine(({ method, contentTypes }) => method !== 'GET' || contentTypes.length === 0, {
    error: 'a GET has no body',
    path: ['contentTypes'],
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

export type ProxyConfig = z.output<typeof proxySchema>;

export const restSchema = z
  .strictObject({
    operations: text()
      .optional()
      .describe(
        'Directory of operation files (`.graphql`), relative to this file. Absent: there are no routes of operations.',
      ),
    prefixes: z
      .array(prefix())
      .min(1, { error: 'name at least one prefix' })
      .default(['/api/v1', '/api'])
      .describe('Each serves every route; the first one is documented.'),
    proxy: list(proxySchema).describe(
      'Routes that are no operations: requests and answers pass as they are, under the same authentication and limits.',
    ),
    docs: z.boolean().default(true).describe('Serve /openapi.json and Swagger UI at /docs.'),
    idempotencyMs: milliseconds()
      .default(86_400_000)
      .describe('How long the answer to an Idempotency-Key is kept, in Redis where there is one.'),
  })
  .prefault({});
