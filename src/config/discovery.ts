/**
 * Part of the `subgraphs` section: where the instances of a subgraph are learned while the gateway runs.
 * Clock: per start.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { milliseconds, text } from './values';

/** `10.0.0.2`, `10.0.0.2:8600`, `[::1]:53`. */
const dnsServer = () =>
  z.string().refine(isDnsServer, { error: 'expected an address such as "10.0.0.2", "10.0.0.2:53" or "[::1]:53"' });

function isDnsServer(server: string): boolean {
  if (isIP(server) !== 0) return true;
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([\d.]+)):(\d{1,5})$/.exec(server) ?? [];
  return isIP(bracketed ?? plain ?? '') !== 0 && Number(port) <= 65_535;
}

const kinds = ['dns', 'srv', 'file', 'registration'] as const;
type Kind = (typeof kinds)[number];

/** What belongs to which kind. */
const keysOf: Readonly<Record<Kind, readonly string[]>> = {
  dns: ['minTtlMs', 'maxTtlMs', 'servers'],
  srv: ['name', 'minTtlMs', 'maxTtlMs', 'servers'],
  file: ['path', 'pollMs'],
  registration: ['ttlMs'],
};
const requiredOf: Readonly<Partial<Record<Kind, string>>> = { srv: 'name', file: 'path' };

/** One subgraph's. Flat in the file; out comes what belongs to its kind, with the defaults. */
export const discoverySchema = z
  .strictObject({
    kind: z
      .enum(kinds)
      .describe(
        'The addresses of the host of its URL; SRV records; a file of Prometheus `file_sd`; what registers itself at the admin port.',
      ),
    name: text().optional().describe('For `srv`: such as `_graphql._tcp.users.internal`.'),
    path: text().optional().describe('For `file`: relative to this file.'),
    pollMs: milliseconds().optional().describe('For `file`: it is looked at so often. 1000 unless set.'),
    ttlMs: milliseconds()
      .optional()
      .describe('For `registration`: an instance that does not register again for so long is gone. 30000 unless set.'),
    minTtlMs: milliseconds()
      .optional()
      .describe('For `dns` and `srv`: records are not asked for again before so long. 1000 unless set.'),
    maxTtlMs: milliseconds()
      .optional()
      .describe('For `dns` and `srv`: records are asked for again after so long at the latest. 30000 unless set.'),
    servers: z
      .array(dnsServer())
      .min(1)
      .optional()
      .describe('For `dns` and `srv`: name servers instead of those of this machine.'),
  })
  .superRefine((given, { addIssue }) => {
    const known = keysOf[given.kind];
    for (const key of Object.keys(given)) {
      if (key !== 'kind' && !known.includes(key))
        addIssue({ code: 'custom', path: [key], message: `not for "${given.kind}", which knows ${known.join(', ')}` });
    }
    const required = requiredOf[given.kind];
    if (required !== undefined && given[required as keyof typeof given] === undefined)
      addIssue({ code: 'custom', path: [required], message: `"${given.kind}" needs it` });
    if ((given.minTtlMs ?? 0) > (given.maxTtlMs ?? Number.POSITIVE_INFINITY))
      addIssue({ code: 'custom', path: ['minTtlMs'], message: 'must not be over maxTtlMs' });
  })
  .transform(({ kind, name, path = '', pollMs = 1_000, ttlMs = 30_000, servers, ...times }) => {
    const { minTtlMs = 1_000, maxTtlMs = Math.max(30_000, minTtlMs) } = times;
    switch (kind) {
      case 'dns':
      case 'srv':
        return { kind, name, minTtlMs: Math.min(minTtlMs, maxTtlMs), maxTtlMs, servers };
      case 'file':
        return { kind, path, pollMs };
      case 'registration':
        return { kind, ttlMs };
    }
  })
  .describe('Where its instances are learned, instead of `instances`.');

/** Who registers needs a door to do it at. For servers: who embeds a gateway may register instances himself. */
export function registrationProblems({ subgraphs, admin }: Registered) {
  if (admin !== undefined) return [];
  return Object.entries(subgraphs.overrides).flatMap(([name, { discovery }]) =>
    discovery?.kind === 'registration'
      ? [
          {
            path: ['subgraphs', 'overrides', name, 'discovery'],
            message: 'instances register themselves at the admin port: the section `admin` is needed',
          },
        ]
      : [],
  );
}

interface Registered {
  readonly subgraphs: {
    readonly overrides: Readonly<Record<string, { readonly discovery?: { kind: Kind } | undefined }>>;
  };
  readonly admin?: unknown;
}
