/**
 * The headers that tell a browser what an answer may do: ours for GraphQL answers, helmet's for everything else, and
 * the policies of the pages.
 * Clock: per start. Helmet computes the same headers for every answer; asked once, they cost nothing per request.
 */
import { createHash } from 'node:crypto';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/**
 * For GraphQL answers, of which there are thousands a second: JSON may not be guessed to be something else, run, be
 * framed, or be embedded by another site. The rest of helmet's headers govern documents, which JSON never is.
 */
export const dataSecurityHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * For all other answers: nothing may run, be framed, or be guessed to be a page. Pages bring their own policy.
 * `probe` is an instance of fastify for this question alone; it is closed with the answer. `hsts`: whether a proxy before
 * us speaks TLS, as far as we know; where we do, `tls.ts` tells browsers.
 */
export async function readSecurityHeaders(
  probe: FastifyInstance,
  hsts: boolean,
): Promise<Readonly<Record<string, string>>> {
  await probe.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    frameguard: { action: 'deny' },
    hsts,
  });
  probe.get('/', (_request, reply) => reply.code(204).send());
  const { headers } = await probe.inject('/');
  await probe.close();
  const own = new Set(['date', 'connection', 'content-length']);
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (own.has(name) ? [] : [[name, String(value)]])),
  );
}

/** The policy of a page: nothing is allowed but what `directives` name, and nobody may frame it. */
export function pagePolicy(directives: Readonly<Record<string, string>>): string {
  const all = {
    'default-src': "'none'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...directives,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}

/** Allows one inline script or style, by its text. */
export function hashSource(script: string): string {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
}
