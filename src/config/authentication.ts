/**
 * The `authentication` and `subgraphIdentity` sections: whose tokens count, and what subgraphs are told of who asks.
 */
import { z } from 'zod';
import { headerName, hidden, httpUrl, list, milliseconds, secret, text } from './values';

const asymmetricAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;
const symmetricAlgorithms = ['HS256', 'HS384', 'HS512'] as const;

/** Where an issuer's verification keys come from: exactly one of these is given. */
const keySources = ['jwksUrl', 'jwksFile', 'publicKeyFile', 'sharedSecret'] as const;

type IssuerKeys =
  | { readonly kind: 'jwksUrl'; readonly url: string }
  | { readonly kind: 'jwksFile' | 'publicKeyFile'; readonly file: string }
  | { readonly kind: 'sharedSecret'; readonly secret: string };

export const issuerSchema = z
  .strictObject({
    issuer: text().describe('The exact `iss` of its tokens.'),
    audiences: z
      .array(text())
      .min(1, { error: 'name at least one audience' })
      .describe('A token must be meant for one of these (`aud`).'),
    algorithms: z
      .array(z.enum([...asymmetricAlgorithms, ...symmetricAlgorithms]))
      .min(1, { error: 'name at least one algorithm' })
      .describe('No other one is accepted.'),
    jwksUrl: httpUrl().optional().describe('A JWK set to fetch. Give exactly one of the four sources of keys.'),
    jwksFile: text().optional().describe('A JWK set; the path is relative to this file.'),
    publicKeyFile: text().optional().describe('Public keys or certificates as PEM; the path is relative to this file.'),
    sharedSecret: hidden(secret()).optional().describe('For HS algorithms alone.'),
    clockToleranceMs: z.int().min(0).max(60_000).default(5_000).describe('How far clocks may differ.'),
    subjectClaim: text()
      .exactOptional()
      .describe('The claim, or path of claims, that names the caller uniquely (default `sub`).'),
    rolesClaim: text().exactOptional().describe('The claim, or path of claims, that lists roles (default `roles`).'),
    scopesClaim: text().exactOptional().describe('The claim that lists scopes (default `scopes`, else `scope`).'),
    tierClaim: text().exactOptional().describe('The claim that names the tier of rate limits (default `tier`).'),
  })
  .refine((issuer) => givenKeySources(issuer).length === 1, {
    error: ({ input }) =>
      `give exactly one of ${keySources.join(', ')}; given: ${givenKeySources(input).join(', ') || 'none'}`,
    // Beside other mistakes too: all problems are told at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .superRefine((issuer, check) => {
    const isShared = issuer.sharedSecret !== undefined;
    for (const [index, algorithm] of issuer.algorithms.entries()) {
      if (algorithm.startsWith('HS') === isShared) continue;
      const message = isShared
        ? `${algorithm} cannot use a shared secret`
        : `${algorithm} needs sharedSecret: a public key must never serve as one`;
      check.addIssue({ code: 'custom', message, path: ['algorithms', index] });
    }
  })
  .transform(({ jwksUrl, jwksFile, publicKeyFile, sharedSecret, ...issuer }) => ({
    ...issuer,
    keys: toIssuerKeys(jwksUrl, jwksFile, publicKeyFile, sharedSecret),
  }));

function givenKeySources(issuer: unknown): readonly string[] {
  return keySources.filter((source) => (issuer as Record<string, unknown>)[source] !== undefined);
}

function toIssuerKeys(jwksUrl = '', jwksFile = '', publicKeyFile = '', sharedSecret = ''): IssuerKeys {
  if (jwksUrl !== '') return { kind: 'jwksUrl', url: jwksUrl };
  if (jwksFile !== '') return { kind: 'jwksFile', file: jwksFile };
  if (publicKeyFile !== '') return { kind: 'publicKeyFile', file: publicKeyFile };
  return { kind: 'sharedSecret', secret: sharedSecret };
}

const sourcesSchema = z
  .strictObject({
    header: z.boolean().default(true).describe('Take tokens from `Authorization: Bearer`.'),
    cookie: z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a cookie' })
      .exactOptional()
      .describe('Take tokens from the cookie of this name.'),
    connectionInit: z
      .boolean()
      .default(true)
      .describe('Take credentials from the payload of `connection_init` and `ping` of a WebSocket.'),
    extensions: z.boolean().default(false).describe('Take credentials from the `extensions` of each operation.'),
  })
  .prefault({});

/** The gateway's own headers, and those that mean something else. */
const takenHeaders = ['authorization', 'cookie', 'supergate-identity', 'x-request-id'];

const apiKeysSchema = z
  .strictObject({
    header: headerName()
      .refine((name) => !takenHeaders.includes(name), { error: 'this header has another meaning' })
      .default('x-api-key')
      .describe('The header in which keys come.'),
    file: text()
      .optional()
      .describe('Keys that `supergate key` keeps; the path is relative to this file. Give file or url, or both.'),
    url: httpUrl()
      .optional()
      .describe('A service that keeps keys, such as `/.well-known/api-keys` of a subgraph; asked after the file.'),
    issuer: text()
      .default('supergate:api-keys')
      .describe('Whose subjects the holders of keys are: the issuer of the users that keys stand for, if they do.'),
    cacheMs: milliseconds().min(1_000).max(3_600_000).default(10_000).describe('A revoked key is refused after it.'),
    maxStaleMs: z
      .int()
      .min(0)
      .max(86_400_000)
      .default(60_000)
      .describe('How much longer a known key counts while the service does not answer.'),
  })
  .refine(({ file, url }) => file !== undefined || url !== undefined, {
    error: 'give file or url, or both',
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

export const authenticationSchema = z
  .strictObject({
    required: z.boolean().default(false).describe('Refuse anonymous requests.'),
    issuers: list(issuerSchema),
    sources: sourcesSchema,
    apiKeys: apiKeysSchema.exactOptional(),
  })
  .refine(({ issuers }) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length, {
    error: 'two issuers have the same name',
    path: ['issuers'],
  })
  .prefault({});

export const subgraphIdentitySchema = z.strictObject({
  secret: hidden(secret()).describe('Signs the header that tells subgraphs who asks.'),
  lifetimeMs: z.int().min(2_000).max(60_000).default(60_000).describe('How long such a header is good.'),
  claims: list(text()).describe('Claims of the token to pass on besides subject, roles and scopes.'),
});
