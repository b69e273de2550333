/**
 * The `admin` section: the endpoints for operators, on a port of their own. Absent: there are none.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { hidden, secret, text } from './values';

export const adminSchema = z
  .strictObject({
    port: z.int().min(0).max(65_535).default(9_091).describe('TCP port; 0 takes a free one.'),
    host: text().default('127.0.0.1').describe('Address to listen on; one that others can reach needs a token.'),
    token: hidden(secret())
      .optional()
      .describe('Asked as `Authorization: Bearer`; without it, whoever is on this machine may.'),
    registrationToken: hidden(secret())
      .optional()
      .describe('For instances of subgraphs: registers them and takes them back, and opens nothing else.'),
  })
  .refine(({ token, registrationToken }) => registrationToken === undefined || token !== undefined, {
    error: 'without admin.token whoever is on this machine may do everything: set that too',
    path: ['registrationToken'],
  })
  .refine(({ token, registrationToken }) => registrationToken === undefined || registrationToken !== token, {
    error: 'must not be the token of operators',
    path: ['registrationToken'],
  })
  .refine(({ host, token }) => token !== undefined || isLoopback(host), {
    error: 'others than this machine reach this address: set admin.token, or take 127.0.0.1',
    path: ['host'],
    when: ({ value }) => typeof (value as { host?: unknown } | null)?.host === 'string',
  });

/** Whether only this machine reaches the address. */
function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
