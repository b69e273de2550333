/**
 * The `tls` sections: certificates of subgraphs, of Redis and for them, and the gateway's own. Files are read here, so that
 * what is wrong with one is told at the start, by its path in the configuration. Clock: per start, per generation.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureVersion } from 'node:tls';
import { z } from 'zod';
import { text } from './values';

const minVersion = () => z.enum(['TLSv1.2', 'TLSv1.3']).describe('No older version of TLS is spoken.');
const file = () => text();

/** For the connections to a subgraph, or to Redis. */
export const subgraphTlsSchema = z
  .strictObject({
    caFile: file()
      .optional()
      .describe("PEM of the authorities to trust instead of the system's; the path is relative to this file."),
    certFile: file().optional().describe('PEM of the certificate by which the gateway shows who it is.'),
    keyFile: file().optional().describe('PEM of its key.'),
    serverName: text().optional().describe('Asked for, and looked for in the certificate, instead of the host.'),
    minVersion: minVersion().default('TLSv1.2'),
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    error: 'certFile and keyFile go together',
  });

export type SubgraphTlsFiles = z.output<typeof subgraphTlsSchema>;

/** For the clients of the gateway. */
export const serverTlsSchema = z.strictObject({
  certFile: file().describe('PEM of the certificate, with its chain. A new one is taken without a restart.'),
  keyFile: file().describe('PEM of its key.'),
  minVersion: minVersion().default('TLSv1.2'),
  redirectPort: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('A port of plain HTTP where everything is sent to HTTPS with 308. Absent: there is none.'),
  hstsMaxAgeSeconds: z
    .int()
    .min(0)
    .max(63_072_000)
    .default(31_536_000)
    .describe('For so long browsers ask by HTTPS alone (`Strict-Transport-Security`); 0: they are not told.'),
});

export type ServerTls = z.output<typeof serverTlsSchema>;

/** In the words of `node:tls`. */
export interface TlsSettings {
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly minVersion?: SecureVersion;
}

/** Reads the files. Throws an `Error` that names the one that cannot be used. */
export function readSubgraphTls(files: SubgraphTlsFiles): TlsSettings {
  const { caFile, certFile, keyFile, serverName, minVersion: oldest } = files;
  const settings: TlsSettings = {
    minVersion: oldest,
    ...(caFile !== undefined && { ca: readPem(caFile) }),
    ...(certFile !== undefined && { cert: readPem(certFile) }),
    ...(keyFile !== undefined && { key: readPem(keyFile) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
  checkUsable(settings, [caFile, certFile, keyFile]);
  return settings;
}

/** The same for the gateway's own certificate. */
export function readServerTls({
  certFile,
  keyFile,
  minVersion: oldest,
}: ServerTls): Required<Pick<TlsSettings, 'cert' | 'key' | 'minVersion'>> {
  const settings = { cert: readPem(certFile), key: readPem(keyFile), minVersion: oldest };
  checkUsable(settings, [certFile, keyFile]);
  return settings;
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What OpenSSL says of it may hold nothing of the key. */
function checkUsable({ servername: _name, ...settings }: TlsSettings, files: readonly (string | undefined)[]): void {
  const names = files.filter((name) => name !== undefined).join(', ');
  if (settings.ca !== undefined && !settings.ca.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error(`${names}: no certificate in PEM is in it`);
  try {
    createSecureContext(settings);
  } catch (error) {
    const { code = 'no key, no certificate, or not of each other' } = error as NodeJS.ErrnoException;
    throw new Error(`${names} cannot be used: ${code}`);
  }
}

interface TlsConfig {
  readonly redis?: { readonly tls?: SubgraphTlsFiles | undefined } | undefined;
  readonly server: { readonly tls?: ServerTls | undefined };
  readonly subgraphs: {
    readonly defaults: { readonly tls?: SubgraphTlsFiles | undefined };
    readonly overrides: Readonly<Record<string, { readonly tls?: SubgraphTlsFiles | undefined }>>;
  };
}

/** What is wrong with the files, by the place in the configuration that names them. */
export function tlsProblems({
  server,
  redis,
  subgraphs,
}: TlsConfig): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const own = server.tls;
  const ofOthers = [
    { path: ['redis'], tls: redis?.tls },
    { path: ['subgraphs', 'defaults'], tls: subgraphs.defaults.tls },
    ...Object.entries(subgraphs.overrides).map(([name, { tls }]) => ({ path: ['subgraphs', 'overrides', name], tls })),
  ];
  const checks = [
    ...(own ? [{ path: ['server', 'tls'], read: (): unknown => readServerTls(own) }] : []),
    ...ofOthers.flatMap(({ path, tls }) =>
      tls ? [{ path: [...path, 'tls'], read: (): unknown => readSubgraphTls(tls) }] : [],
    ),
  ];
  return checks.flatMap(({ path, read }) => {
    try {
      read();
      return [];
    } catch (error) {
      return [{ path, message: error instanceof Error ? error.message : String(error) }];
    }
  });
}
