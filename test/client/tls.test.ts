/** Real: the HTTP door over TLS, its port of plain HTTP, files that change. Certificates are made for this test. */
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { WebSocket } from 'ws';
import { ServerCertificate } from '../../src/client/tls';
import type { ServerTls } from '../../src/config/tls';
import { silentLog } from '../../src/telemetry/log';
import { type Authority, createAuthority } from '../support/certificates';
import { startTestServer, stopTestServer, type TestServer } from './http-server';

let authority: Authority;
let server: TestServer;
let url: URL;
let tls: ServerTls;

function use(name: string): void {
  const { certFile, keyFile } = authority.issue(name);
  copyFileSync(certFile, tls.certFile);
  copyFileSync(keyFile, tls.keyFile);
}

beforeAll(() => {
  authority = createAuthority();
  const at = (name: string) => join(authority.directory, name);
  tls = {
    certFile: at('server.pem'),
    keyFile: at('server.key'),
    minVersion: 'TLSv1.2',
    redirectPort: 0,
    hstsMaxAgeSeconds: 600,
  };
});
afterAll(() => authority.remove());
beforeEach(async () => {
  use('first');
  server = await startTestServer({ tls, expressLane: true });
  url = new URL(await server.http.listen(0, '127.0.0.1'));
});
afterEach(() => stopTestServer(server));

async function ask(path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
  const { method = 'GET', headers = {}, body } = init;
  const outgoing = requestHttps(new URL(path, url), { method, headers, ca: authority.ca, agent: false });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
  };
}

/** The name in the certificate that a new connection is shown. */
async function shown(): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(url.port), ca: authority.ca });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

describe('TLS for clients', () => {
  it('serves everything by HTTPS, and tells browsers to stay there', async () => {
    expect(url.protocol).toBe('https:');
    const headers = { 'content-type': 'application/json' };
    const answer = await ask('/graphql', { method: 'POST', headers, body: '{"query":"{ hello }"}' });
    expect([answer.status, JSON.parse(answer.text).data]).toEqual([200, { hello: expect.any(String) }]);
    for (const path of ['/health/live', '/graphql?query={hello}', '/nothing']) {
      expect(
        (await ask(path, { headers: { 'apollo-require-preflight': '1' } })).headers['strict-transport-security'],
      ).toBe('max-age=600');
    }
    expect(answer.headers['strict-transport-security']).toBe('max-age=600');
  });

  it('serves WebSockets', async () => {
    const socket = new WebSocket(url.href.replace('https', 'wss'), ['graphql-transport-ws'], { ca: authority.ca });
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    const [message] = await once(socket, 'message');
    expect(JSON.parse(String(message))).toEqual({ type: 'connection_ack' });
    socket.terminate();
  });

  it('sends plain HTTP to HTTPS, with path and method, and nothing to where it does not know', async () => {
    const port = Number(server.lines.find(({ message }) => message === 'HTTP is sent to HTTPS.')?.port);
    const redirect = async (host: string, path = '/graphql?query={hello}', method = 'POST') => {
      const outgoing = requestHttp({ host: '127.0.0.1', port, path, method, headers: { host }, agent: false });
      outgoing.end('{}');
      const [response] = await once(outgoing, 'response');
      response.resume();
      return [response.statusCode, response.headers.location];
    };
    expect(await redirect('api.test:80')).toEqual([308, `https://api.test:${url.port}/graphql?query={hello}`]);
    expect(await redirect('[::1]:80', '/')).toEqual([308, `https://[::1]:${url.port}/`]);
    expect(await redirect('api.test/evil@other')).toEqual([400, undefined]);
    expect(await redirect('a b')).toEqual([400, undefined]);
  });

  it('lets a client that speaks no TLS go, and goes on', async () => {
    const socket = connectTcp(Number(url.port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect((await ask('/health/live')).status).toBe(200);
  });

  it('takes a new certificate without a restart, and none that does not fit its key', async () => {
    expect(await shown()).toBe('first');
    writeFileSync(tls.certFile, authority.issue('half').cert);
    while (!server.lines.some(({ message }) => message.startsWith('A new certificate cannot be used')))
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await shown()).toBe('first');
    use('second');
    while ((await shown()) !== 'second') await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await ask('/health/live')).status).toBe(200);
    expect(JSON.stringify(server.lines)).not.toContain('PRIVATE KEY');
  });

  it('does not begin with a certificate that cannot be used', () => {
    writeFileSync(tls.keyFile, 'no key');
    expect(() => new ServerCertificate(tls, silentLog)).toThrow(`${tls.certFile}, ${tls.keyFile} cannot be used`);
  });
});
