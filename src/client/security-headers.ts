/**
 * The security headers that helmet sets, as a plain table. Clock: per start.
 * Helmet computes the same headers for every answer; asked once, they cost nothing per request.
 */
import helmet from '@fastify/helmet';
import fastify from 'fastify';

/** For answers that are data: nothing may run, be framed, or be guessed to be a page. Pages bring their own policy. */
export async function readSecurityHeaders(): Promise<Readonly<Record<string, string>>> {
  const probe = fastify();
  await probe.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    frameguard: { action: 'deny' },
  });
  probe.get('/', (_request, reply) => reply.code(204).send());
  const { headers } = await probe.inject('/');
  await probe.close();
  const own = new Set(['date', 'connection', 'content-length']);
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (own.has(name) ? [] : [[name, String(value)]])),
  );
}
