/** Real: the transport, TLS, a subgraph that shows a certificate and wants one. Certificates are made for this test. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { readSubgraphTls, type TlsSettings, tlsProblems } from '../../src/config/tls';
import { systemClock } from '../../src/subgraph/call';
import type { SubgraphTransport } from '../../src/subgraph/pools';
import { createWebSocketTransport } from '../../src/subgraph/websocket';
import { type Authority, createAuthority } from '../support/certificates';
import { failure, testContext, testTransport } from './harness';

let authority: Authority;
let server: Server;
let port: number;
let files: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
const transports: SubgraphTransport[] = [];

async function listen(options: object): Promise<void> {
  const { cert, key } = authority.issue('users', ['users.internal', 'localhost']);
  server = createServer(
    { cert, key, ca: authority.ca, requestCert: true, rejectUnauthorized: true, ...options },
    (request, response) => {
      const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ data: { peer: CN ?? null } }));
    },
  );
  server.listen(0, 'localhost');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
}

beforeAll(() => {
  authority = createAuthority();
  const { certFile, keyFile } = authority.issue('gateway');
  files = { caFile: authority.caFile, certFile, keyFile };
});
afterAll(() => authority.remove());
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.destroy()));
  server?.closeAllConnections();
  server?.close();
});

const ask = (tls: TlsSettings | undefined, http2 = false) => {
  const transport = testTransport(`https://localhost:${port}/graphql`, { tls, http2 });
  transports.push(transport);
  return transport.call({ subgraph: 'users', body: '{"query":"{ peer }"}', kind: 'query', context: testContext() });
};
const minVersion = 'TLSv1.2' as const;

describe('TLS to a subgraph', () => {
  it.each([false, true])('shows who the gateway is, and trusts the configured authority (http2: %s)', async (http2) => {
    await listen({});
    await expect(ask(readSubgraphTls({ ...files, minVersion }), http2)).resolves.toMatchObject({
      data: { peer: 'gateway' },
    });
  });

  it('fails without the certificate, without the authority, and for another name, telling nothing', async () => {
    await listen({});
    const { caFile, certFile, keyFile } = files;
    for (const tls of [
      readSubgraphTls({ caFile, minVersion }),
      readSubgraphTls({ certFile, keyFile, minVersion }),
      readSubgraphTls({ ...files, serverName: 'elsewhere.internal', minVersion }),
      undefined,
    ]) {
      const error = await failure(ask(tls));
      expect(error.code).toBe('SUBREQUEST_HTTP_ERROR');
      expect(error.message).toMatch(/^Subgraph 'users' [a-z ]+\.$/);
    }
  });

  it('asks for the configured name instead of the host', async () => {
    await listen({});
    await expect(ask(readSubgraphTls({ ...files, serverName: 'users.internal', minVersion }))).resolves.toMatchObject({
      data: { peer: 'gateway' },
    });
  });

  it('speaks no older version than configured', async () => {
    await listen({ maxVersion: 'TLSv1.2' });
    await expect(ask(readSubgraphTls({ ...files, minVersion }))).resolves.toHaveProperty('data');
    expect((await failure(ask(readSubgraphTls({ ...files, minVersion: 'TLSv1.3' })))).code).toBe(
      'SUBREQUEST_HTTP_ERROR',
    );
  });

  it('holds for WebSockets', async () => {
    await listen({});
    const sockets = new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' });
    const connected = new Promise<string>((resolve) => {
      sockets.on('connection', (socket: WebSocket, request) => {
        socket.on('error', () => {});
        resolve(String((request.socket as TLSSocket).getPeerCertificate().subject.CN));
      });
    });
    const limits = { maxConnections: 1, connectTimeoutMs: 5_000, keepAliveMs: 5_000, maxEventBytes: 1_000 };
    const open = (tls: TlsSettings) => {
      const url = `wss://localhost:${port}/graphql`;
      const transport = createWebSocketTransport({ url, ...limits, tls, clock: systemClock, initPayload: () => ({}) });
      const ended = new Promise<unknown>((resolve) => {
        const handlers = { onEstablished: () => {}, onPayload: () => {}, onEnd: resolve };
        transport.open({ body: '{"query":"subscription { a }"}', headers: {} }, handlers);
      });
      return { transport, ended };
    };
    const trusted = open(readSubgraphTls({ ...files, minVersion }));
    expect(await connected).toBe('gateway');
    trusted.transport.close();
    const { ended } = open({ minVersion });
    expect(await ended).toMatchObject({ kind: 'lost' });
    sockets.close();
  });
});

describe('files of certificates', () => {
  it('are told by their place when they cannot be used', () => {
    const { caFile, certFile, keyFile } = files;
    const other = authority.issue('other').keyFile;
    const own = { certFile, redirectPort: undefined, hstsMaxAgeSeconds: 1, minVersion };
    const problems = tlsProblems({
      server: { tls: { ...own, keyFile: other } },
      subgraphs: {
        defaults: { tls: { caFile: keyFile, minVersion } },
        overrides: { users: { tls: { caFile: '/nowhere.pem', minVersion } }, carts: { tls: { caFile, minVersion } } },
      },
    });
    expect(problems).toEqual([
      { path: ['server', 'tls'], message: expect.stringContaining(`${certFile}, ${other} cannot be used: ERR_`) },
      { path: ['subgraphs', 'defaults', 'tls'], message: `${keyFile}: no certificate in PEM is in it` },
      {
        path: ['subgraphs', 'overrides', 'users', 'tls'],
        message: expect.stringContaining('/nowhere.pem cannot be read'),
      },
    ]);
    expect(JSON.stringify(problems)).not.toContain('PRIVATE KEY');
  });
});
