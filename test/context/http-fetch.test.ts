/**
 * Real: an HTTP server of a key set on loopback, undici, keys, the verifier, the clock.
 * Fake: nothing. Observed: verdicts and what the server was asked. The one suite of this step with sockets.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApiKey } from '../../src/context/api-key';
import { createApiKeyHttpSource } from '../../src/context/api-key-http';
import { createFetchText, createPostJson } from '../../src/context/http-fetch';
import { createIssuers } from '../../src/context/issuers';
import { createTokenVerifier, type TokenVerifier } from '../../src/context/tokens';
import { createRecordingLog, ec, forge, jwkOf } from './forge';

const first = ec();
const second = ec();
const bounds = { timeoutMs: 3000, maxBytes: 64 * 1024 };

let server: Server;
let origin: string;
let asked: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const publish =
  (...keys: unknown[]) =>
  (_request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys }));
  };

const tokenOf = (pair: typeof first, kid: string): string => {
  const seconds = Math.floor(Date.now() / 1000);
  const claims = { iss: 'https://issuer.test', aud: 'supergate', sub: 'user-1', iat: seconds, exp: seconds + 60 };
  return forge({ alg: 'ES256', kid }, claims, 'ES256', pair.privateKey);
};

function createRealVerifier(): TokenVerifier {
  const dependencies = { fetchText: createFetchText(), now: Date.now, log: createRecordingLog() };
  const options = {
    issuer: 'https://issuer.test',
    audiences: ['supergate'],
    keys: { kind: 'jwksUrl' as const, url: `${origin}/.well-known/jwks.json` },
  };
  return createTokenVerifier({ issuers: createIssuers([options], dependencies), now: Date.now });
}

describe('a key set over HTTP', () => {
  it('is fetched once, follows a rotation, and is not fetched for a flood of unknown kids', async () => {
    const verifier = createRealVerifier();
    answer = publish(jwkOf(first.publicKey, { kid: 'k1' }));
    const before = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(tokenOf(first, 'k1'))));
    expect(before.every(({ accepted }) => accepted)).toBe(true);
    expect(asked).toEqual(['GET /.well-known/jwks.json']);

    answer = publish(jwkOf(second.publicKey, { kid: 'k2' }));
    expect(await verifier.verify(tokenOf(second, 'k2'))).toMatchObject({ accepted: true });
    expect(await verifier.verify(tokenOf(first, 'k1'))).toEqual({ accepted: false, cause: 'unknown key' });
    await Promise.all(Array.from({ length: 200 }, (_, i) => verifier.verify(tokenOf(first, `unknown-${i}`))));
    expect(asked).toHaveLength(2);
  });

  it('is kept when the server goes away', async () => {
    const verifier = createRealVerifier();
    answer = publish(jwkOf(first.publicKey, { kid: 'k1' }));
    await verifier.warm();
    answer = (_request, response) => response.destroy();
    expect(await verifier.verify(tokenOf(second, 'k2'))).toEqual({ accepted: false, cause: 'unknown key' });
    expect(await verifier.verify(tokenOf(first, 'k1'))).toMatchObject({ accepted: true });
    expect(asked).toHaveLength(2);
  });
});

describe('the fetch of a key set', () => {
  it('gives the text of a 200 answer', async () => {
    answer = (_request, response) => response.end('{"keys":[]}');
    await expect(createFetchText()(`${origin}/jwks`, bounds)).resolves.toBe('{"keys":[]}');
  });

  it('does not follow a redirect', async () => {
    answer = (request, response) => {
      if (request.url === '/elsewhere') return void response.end('{"keys":[]}');
      response.writeHead(302, { location: '/elsewhere' }).end();
    };
    await expect(createFetchText()(`${origin}/jwks`, bounds)).rejects.toThrow('status 302');
    expect(asked).toEqual(['GET /jwks']);
  });

  it.each([201, 204, 304, 401, 404, 500, 503])('refuses status %d', async (status) => {
    answer = (_request, response) => response.writeHead(status).end();
    await expect(createFetchText()(`${origin}/jwks`, bounds)).rejects.toThrow(`status ${status}`);
  });

  it('refuses a body that is announced as too large', async () => {
    answer = (_request, response) => response.end('x'.repeat(bounds.maxBytes + 1));
    await expect(createFetchText()(`${origin}/jwks`, bounds)).rejects.toThrow('larger than');
  });

  it('refuses a body that grows too large, and stops reading', async () => {
    let left: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    answer = (_request, response) => {
      const endless = () => {
        while (response.write('x'.repeat(16_384)));
        response.once('drain', endless);
      };
      response.on('close', () => left());
      endless();
    };
    await expect(createFetchText()(`${origin}/jwks`, bounds)).rejects.toThrow('larger than');
    await gone;
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['never answers', () => {}],
    ['sends headers and nothing more', (response) => response.flushHeaders()],
    [
      'sends a byte now and then',
      (response) => {
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(drip));
      },
    ],
  ])('gives up at its deadline on a server that %s', async (_name, behave) => {
    answer = (_request, response) => behave(response);
    const startedAt = performance.now();
    await expect(createFetchText()(`${origin}/jwks`, { ...bounds, timeoutMs: 200 })).rejects.toThrow();
    expect(performance.now() - startedAt).toBeLessThan(2500);
  });

  it('rejects when the body is cut', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{"keys":');
      setImmediate(() => response.destroy());
    };
    await expect(createFetchText()(`${origin}/jwks`, bounds)).rejects.toThrow();
  });

  it('rejects when nobody listens', async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(createFetchText()(`${origin}/jwks`, bounds)).rejects.toThrow();
    server.listen(0, '127.0.0.1');
  });
});

describe('a store of API keys over HTTP', () => {
  const { id, sha256 } = createApiKey();
  const record = { id, subject: 'grace', roles: ['USER'], scopes: [], hashes: [{ sha256: sha256.toString('hex') }] };
  const source = () =>
    createApiKeyHttpSource({
      url: `${origin}/keys`,
      postJson: createPostJson(),
      headers: () => ({ 'supergate-identity': 'service-token' }),
    });
  const tell = (text: string) => (_request: IncomingMessage, response: ServerResponse) => response.end(text);

  it('is asked by POST, with ids and the service token, and never with a key', async () => {
    let seen = '';
    answer = async (request, response) => {
      for await (const chunk of request) seen += chunk;
      seen = `${request.headers['supergate-identity']} ${request.headers['content-type']} ${seen}`;
      response.end(JSON.stringify({ keys: [record] }));
    };
    const found = await source().find([id]);
    expect(found.get(id)).toEqual({
      ...record,
      tier: undefined,
      expiresAt: undefined,
      hashes: [{ sha256, until: undefined }],
    });
    expect(asked).toEqual(['POST /keys']);
    expect(seen).toBe(`service-token application/json {"ids":["${id}"]}`);
  });

  it('is told of uses in the same way', async () => {
    let seen = '';
    answer = async (request, response) => {
      for await (const chunk of request) seen += chunk;
      response.end('{"keys":[]}');
    };
    await source().recordUses(new Map([[id, 0]]));
    expect(JSON.parse(seen)).toEqual({ ids: [], used: [{ id, at: '1970-01-01T00:00:00.000Z' }] });
  });

  it.each<[string, () => typeof answer]>([
    ['a refusal', () => (_request, response) => response.writeHead(401).end('{"keys":[]}')],
    ['a redirect', () => (_request, response) => response.writeHead(307, { location: '/keys' }).end()],
    ['a page', () => tell('<html>')],
    ['another document', () => tell('{"data":{}}')],
    ['a record without subject', () => tell(JSON.stringify({ keys: [{ ...record, subject: undefined }] }))],
    [
      'a record with a subject of spaces and controls',
      () => tell(JSON.stringify({ keys: [{ ...record, subject: 'a\n' }] })),
    ],
    ['roles that are no list', () => tell(JSON.stringify({ keys: [{ ...record, roles: 'ADMIN' }] }))],
    ['no hash', () => tell(JSON.stringify({ keys: [{ ...record, hashes: [] }] }))],
    ['a hash in base64', () => tell(JSON.stringify({ keys: [{ ...record, hashes: [{ sha256: 'AAAA' }] }] }))],
    ['an expiry that is no moment', () => tell(JSON.stringify({ keys: [{ ...record, expiresAt: 'soon' }] }))],
    ['two megabytes', () => tell(JSON.stringify({ keys: [], more: 'x'.repeat(2_000_000) }))],
    ['nothing', () => (_request, response) => response.destroy()],
  ])('is not believed when it answers with %s', async (_name, answerWith) => {
    answer = answerWith();
    await expect(source().find([id])).rejects.toThrow();
  });
});
