/**
 * The `redis` section: a server, or a cluster, where gateways share plans, counters and answers. Clock: per start.
 */
import { z } from 'zod';
import { subgraphTlsSchema } from './tls';
import { hidden, milliseconds, text } from './values';

/** What a Redis URL says. */
export interface RedisAddress {
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** One, or some of a cluster. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly database: number;
}

const defaultPort = 6379;
const shape = /^(rediss?):\/\/(?:([^/@:]*)(?::([^/@]*))?@)?([^/@?#]+)(?:\/(\d*))?$/i;

/** Reads `redis://user:password@host:6379/0`, or `redis://a:7000,b:7000` for nodes of a cluster; undefined if it is neither. */
export function readRedisUrl(url: string): RedisAddress | undefined {
  const [, scheme = '', username, password, hosts = '', database] = shape.exec(url) ?? [];
  const nodes = hosts.split(',').map(readNode);
  if (scheme === '' || !nodes.every((node) => node !== undefined)) return undefined;
  try {
    return {
      isTls: scheme.toLowerCase() === 'rediss',
      username: username ? decodeURIComponent(username) : undefined,
      password: password ? decodeURIComponent(password) : undefined,
      nodes,
      database: Number(database ?? 0),
    };
  } catch {
    // A percent sign that escapes nothing.
    return undefined;
  }
}

function readNode(written: string) {
  const address = `redis://${written.trim()}`;
  if (!URL.canParse(address)) return undefined;
  const { hostname, port } = new URL(address);
  if (hostname === '') return undefined;
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? defaultPort : Number(port) };
}

export const redisSchema = z
  .strictObject({
    url: z
      .string()
      .refine((url) => readRedisUrl(url) !== undefined, { error: 'expected a redis or rediss URL' })
      .describe(
        '`redis://host:port`, `rediss://` for TLS; with user, password and database where needed. Several nodes of a cluster: `redis://a:7000,b:7000`.',
      ),
    cluster: z
      .boolean()
      .optional()
      .describe(
        'A Redis Cluster, whose other nodes are learned from those in `url`. Unless set: where there are several.',
      ),
    password: hidden(text()).optional().describe('Instead of one in `url`.'),
    tls: subgraphTlsSchema.optional().describe('For `rediss://`. Absent: the authorities of the system are trusted.'),
    timeoutMs: milliseconds().default(100).describe('Time for one answer; without it the gateway goes on alone.'),
  })
  .superRefine(({ url, cluster, password, tls }, check) => {
    const address = readRedisUrl(url);
    if (!address) return;
    const problem = (key: string, message: string) => check.addIssue({ code: 'custom', path: [key], message });
    const isCluster = cluster ?? address.nodes.length > 1;
    if (!isCluster && address.nodes.length > 1) problem('cluster', 'several nodes in `url` are a cluster');
    if (isCluster && address.database > 0) problem('url', 'a cluster has no databases: leave the number out');
    if (password !== undefined && address.password !== undefined) problem('password', 'there is one in `url` already');
    if (tls && !address.isTls) problem('tls', 'is for rediss:// URLs');
  });

export type RedisConfig = z.output<typeof redisSchema>;
