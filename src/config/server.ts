/**
 * The `server` section: where and how HTTP is served.
 */
import { z } from 'zod';
import { audienceSchema } from './authorization';
import { serverTlsSchema } from './tls';
import { addressRange, corsOrigin, count, list, milliseconds, text } from './values';

export const serverSchema = z
  .strictObject({
    host: text().default('127.0.0.1').describe('Address to listen on.'),
    port: z.int().min(0).max(65_535).default(4000).describe('TCP port; 0 takes a free one.'),
    graphqlPath: z
      .string()
      .regex(/^\/[^?#\s]*$/, { error: 'expected a path that begins with "/"' })
      .default('/graphql')
      .describe('Where GraphQL is answered.'),
    maxBodyBytes: count().default(1_000_000).describe('Request bodies over it are refused with 413, after inflation.'),
    maxHeaderBytes: count().default(16_384).describe('Request headers over it are refused with 431.'),
    headersTimeoutMs: milliseconds().default(10_000).describe('Time for a request to send its headers.'),
    requestTimeoutMs: milliseconds().default(30_000).describe('Time for a request to arrive whole.'),
    keepAliveTimeoutMs: milliseconds().default(72_000).describe('Time an idle connection stays open.'),
    compression: z.boolean().default(true).describe('Compress answers for clients that accept it.'),
    tls: serverTlsSchema.optional().describe('Absent: clients speak plain HTTP.'),
    cors: z
      .strictObject({
        origins: list(corsOrigin()).describe('Origins whose pages may call; "*" is all of them.'),
        credentials: z.boolean().default(false).describe('Whether those pages may send cookies.'),
      })
      .refine((cors) => !(cors.credentials && cors.origins.includes('*')), {
        error: '"*" cannot be combined with credentials: name the origins',
        path: ['origins'],
      })
      .prefault({}),
    trustedProxies: list(addressRange()).describe(
      'Addresses and CIDR ranges of proxies whose `X-Forwarded-For` tells the address of the client.',
    ),
    workerMaxMemoryBytes: count()
      .min(100_000_000)
      .optional()
      .describe(
        'Resident memory of a worker (`serve --workers`), above which another one takes its place. Absent: none does.',
      ),
    introspection: z
      .union([z.boolean(), audienceSchema])
      .default(true)
      .describe(
        'Answer introspection queries: to all, to nobody (the default when NODE_ENV is production), or to those with `{ roles: [...] }`, `{ scopes: [...] }`.',
      ),
    explorer: z
      .union([z.boolean(), audienceSchema])
      .default(true)
      .describe(
        'Serve the landing page and /graphiql: to all, to nobody (the default when NODE_ENV is production), or to some, as above; a browser shows who it is by a cookie.',
      ),
  })
  .prefault({});
