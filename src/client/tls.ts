/**
 * HTTPS for clients: the gateway's certificate, which is taken anew when its files change, and the way from HTTP to it.
 * In: paths. Out: what node's server is made with. Clock: per start; per connection nothing. A certificate that cannot
 * be used is never taken: the one before stays.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { readServerTls, type ServerTls } from '../config/tls';
import type { Log } from '../telemetry/log';

/** Files are looked at so often: watching them misses links that change, as containers mount certificates. */
const lookMs = 1_000;

export class ServerCertificate {
  /** For `https.createServer`. */
  readonly options: ReturnType<typeof readServerTls>;
  #current: string;
  /** What was refused last: it is told once. */
  #refused = '';
  #timer: NodeJS.Timeout | undefined;

  /** Throws an `Error` that names the file that cannot be used. */
  constructor(
    private readonly config: ServerTls,
    private readonly log: Log,
  ) {
    this.options = readServerTls(config);
    this.#current = this.options.cert + this.options.key;
  }

  /** The value of `Strict-Transport-Security`; undefined: nothing is said (RFC 6797, section 6.1). */
  get hsts(): string | undefined {
    const { hstsMaxAgeSeconds } = this.config;
    return hstsMaxAgeSeconds > 0 ? `max-age=${hstsMaxAgeSeconds}` : undefined;
  }

  /** From now on `server` gets the certificates that the files hold; connections that there are keep theirs. */
  watch(server: Pick<TlsServer, 'setSecureContext'>, everyMs: number = lookMs): void {
    this.#timer = setInterval(() => this.#look(server), everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(server: Pick<TlsServer, 'setSecureContext'>): void {
    try {
      const next = readServerTls(this.config);
      this.#refused = '';
      if (this.#current === next.cert + next.key) return;
      server.setSecureContext(next);
      this.#current = next.cert + next.key;
      this.log.info({ file: this.config.certFile }, 'A new certificate is used.');
    } catch (error) {
      // Of a pair, one file is written before the other.
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#refused) this.log.error({ reason }, 'A new certificate cannot be used: the old one stays.');
      this.#refused = reason;
    }
  }
}

export interface Redirect {
  readonly port: number;
  close(): Promise<void>;
}

const hostName = /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i;

/** Answers everything on a port of plain HTTP with 308 to the same place by HTTPS, or 400 where it names none. */
export function openRedirect(port: number, host: string, httpsPort: number): Promise<Redirect> {
  const server = createServer((request, response) => {
    const { host: given = '' } = request.headers;
    const path = request.url ?? '/';
    const headers = { connection: 'close', 'content-length': '0', 'cache-control': 'no-store' };
    if (!hostName.test(given) || !path.startsWith('/')) {
      response.writeHead(400, headers).end();
      return;
    }
    const name = given.replace(/:\d+$/, '');
    const at = httpsPort === 443 ? name : `${name}:${httpsPort}`;
    response.writeHead(308, { ...headers, location: `https://${at}${path}` }).end();
  });
  server.requestTimeout = 10_000;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
