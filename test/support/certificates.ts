/**
 * Test support: certificates that are made when they are needed, by `openssl`, and are good for a day.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly directory: string;
  readonly caFile: string;
  readonly ca: string;
  /** Signed by this authority; `names` are those of hosts, and addresses. */
  issue(name: string, names?: readonly string[]): Certificate;
  remove(): void;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes an authority in a directory of its own. */
export function createAuthority(): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-tls-'));
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  openssl('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '1', '-subj', '/CN=ca');
  return {
    directory,
    caFile: at('ca.pem'),
    ca: readFileSync(at('ca.pem'), 'utf8'),
    issue(name, names = ['localhost', '127.0.0.1']) {
      const [keyFile, request, certFile, extensions] = ['key', 'csr', 'pem', 'ext'].map((end) =>
        at(`${name}.${end}`),
      ) as [string, string, string, string];
      openssl('req', ...newKey, '-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`);
      const alternatives = names.map((one) => `${/^[\d.]+$/.test(one) ? 'IP' : 'DNS'}:${one}`).join(',');
      writeFileSync(extensions, `subjectAltName=${alternatives}\n`);
      const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '1'];
      openssl('x509', '-req', '-in', request, ...signed, '-extfile', extensions, '-out', certFile);
      return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
