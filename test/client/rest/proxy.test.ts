import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { sign } from 'jsonwebtoken';
import { type RunningGateway, serve } from '../../../src/main';
import { federation } from '../../support/graph';

/**
 * Routes that a subgraph answers itself, through a whole gateway. Real: server, sockets, the subgraph's HTTP origin,
 * which does what its path says. Observed: what it is asked, and what clients read.
 */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  body: Buffer;
  /** Whether the body came to its end. */
  whole: boolean;
}

let directory: string;
let origin: Server;
let gateway: RunningGateway;
let seen: Seen[];
let asked: () => void = () => {};
let finish: () => void = () => {};
const sharedSecret = 'a-secret-of-tests-with-over-32-bytes';
const token = (claims: object = {}) =>
  sign(claims, sharedSecret, { subject: 'ada', issuer: 'tests', audience: 'supergate', expiresIn: 60 });

const answers: Readonly<Record<string, (request: Seen, response: ServerResponse) => void>> = {
  '/hook': (_request, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'set-cookie': 'a=b',
      location: 'http://internal.test/',
      server: 'secret/1.0',
      'x-internal': 'yes',
      'x-told': 'by a rule',
    });
    response.end('{"ok":true}');
  },
  '/files/a%20b': (request, response) => {
    const isRange = request.headers.range === 'bytes=0-1';
    response.writeHead(isRange ? 206 : 200, {
      'content-type': 'text/html',
      'content-disposition': 'attachment; filename="a b"',
      etag: '"1"',
      'cache-control': 'private, max-age=60',
      ...(isRange && { 'content-range': 'bytes 0-1/4' }),
    });
    response.end(isRange ? 'da' : 'data');
  },
  '/files/refused': (_request, response) => {
    response.writeHead(422, { 'content-type': 'application/problem+json' });
    response.end('{"code":"WRONG_TYPE","detail":"Only pictures.","stack":"at /srv"}');
  },
  '/files/broken': (_request, response) => {
    response.writeHead(500, { 'content-type': 'application/json' });
    response.end('{"detail":"postgres://root@db.internal"}');
  },
  '/files/moved': (_request, response) => response.writeHead(302, { location: 'http://internal.test/' }).end(),
  '/files/busy': (_request, response) => response.writeHead(503, { 'retry-after': '7' }).end(),
  '/files/large': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2_000 });
    response.end('x'.repeat(2_000));
  },
  '/files/endless': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('x'.repeat(900));
    setImmediate(() => response.end('x'.repeat(900)));
  },
  '/files/slow': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('a');
    finish = () => response.end('b');
  },
  '/files/never': () => {},
  '/files/gone': (_request, response) => void response.destroy(),
};

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'supergate-proxy-'));
  origin = createServer((request, response) => {
    const one: Seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.alloc(0),
      whole: false,
    };
    seen.push(one);
    asked();
    request.on('data', (chunk: Buffer) => {
      one.body = Buffer.concat([one.body, chunk]);
    });
    request.on('error', () => {});
    request.on('end', () => {
      one.whole = true;
      const answer = answers[one.url.split('?')[0] ?? ''];
      if (answer) answer(one, response);
      else response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { port } = origin.address() as AddressInfo;
  const services = ['files', 'shaky'].map((name) => ({
    name,
    typeDefs: parse(`${federation} type Query { ${name}: Int }`),
    url: `http://127.0.0.1:${port}/graphql`,
  }));
  writeFileSync(join(directory, 'supergraph.graphql'), composeServices(services).supergraphSdl!);
  const issuer = `{ issuer: tests, audiences: [supergate], algorithms: [HS256], sharedSecret: ${sharedSecret}, cookie: session }`;
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `
server: { port: 0 }
headers: { responses: [{ propagate: [x-told] }] }
timeouts: { clientHeader: x-wait-ms }
subgraphs: { overrides: { shaky: { breaker: { enabled: true, minimumCalls: 3 } } } }
authentication: { issuers: [${issuer.replace(', cookie: session', '')}] }
subgraphIdentity: { secret: ${'s'.repeat(40)} }
rateLimits:
  rules:
    - { name: all, max: 1000, window: 1h }
    - { name: limited, route: "POST /limited", max: 2, window: 1h }
rest:
  proxy:
    - { path: /hook, method: POST, subgraph: files, target: /hook, contentTypes: [application/json],
        requestHeaders: [webhook-signature], maxRequestBytes: 1000, timeoutMs: 5000 }
    - { path: "/files/{id}", method: GET, subgraph: files, target: "/files/{id}", parameters: [size],
        responseType: application/octet-stream, maxResponseBytes: 1000, timeoutMs: 400 }
    - { path: /upload, method: POST, subgraph: files, target: /hook, contentTypes: [multipart/form-data], authenticated: true }
    - { path: /secret, method: POST, subgraph: files, target: /hook, audience: { roles: [ADMIN] } }
    - { path: /limited, method: POST, subgraph: files, target: /hook }
    - { path: /shaky, method: GET, subgraph: shaky, target: /files/gone }
    - { path: /nowhere, method: GET, subgraph: nobody, target: /hook }
`,
  );
  const [supergraph, config] = [join(directory, 'supergraph.graphql'), join(directory, 'gateway.yaml')];
  gateway = await serve({ supergraph, config, env: { LOG_LEVEL: 'silent' } });
});
afterAll(async () => {
  await gateway.close();
  origin.closeAllConnections();
  origin.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  seen = [];
});

const json = { 'content-type': 'application/json' };
const url = (path: string) => `${gateway.url}/api/v1${path}`;
const post = (path: string, body: string, headers: Record<string, string> = json) =>
  fetch(url(path), { method: 'POST', headers, body });

async function problem(answer: Promise<Response>): Promise<unknown[]> {
  const response = await answer;
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const { status, code, requestId } = (await response.json()) as { status: number; code: string; requestId: string };
  expect([status, requestId]).toEqual([response.status, response.headers.get('x-request-id')]);
  return [status, code];
}

describe('a webhook', () => {
  it('comes to the subgraph as its sender wrote it, with the headers that are named', async () => {
    const body = '{ "a":1,\n\t"é": "\\u00e9" }  ';
    const response = await post('/hook', body, {
      ...json,
      'webhook-signature': 't=1,v1=ab',
      'x-other': 'no',
      cookie: 'a=b',
      'x-forwarded-for': '192.0.2.1',
      'supergate-identity': 'forged',
    });
    expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
    const [one] = seen;
    expect(one?.body.toString()).toBe(body);
    expect(one?.headers).toMatchObject({
      'webhook-signature': 't=1,v1=ab',
      'content-type': 'application/json',
      'x-request-id': response.headers.get('x-request-id'),
      host: expect.stringMatching(/^127/),
    });
    for (const name of ['x-other', 'cookie', 'x-forwarded-for', 'authorization'])
      expect(one?.headers).not.toHaveProperty(name);
    expect(JSON.stringify(one?.headers)).not.toContain('forged');
  });

  it('is answered without what the subgraph says of itself', async () => {
    const { headers } = await post('/hook', '{}');
    for (const name of ['set-cookie', 'location', 'server', 'x-internal']) expect(headers.get(name)).toBeNull();
    expect([headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual(['nosniff', 'no-store']);
  });

  it('may come in chunks', async () => {
    const status = await new Promise((resolve, reject) => {
      const outgoing = httpRequest(url('/hook'), { method: 'POST', headers: json, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      outgoing.on('error', reject);
      outgoing.write('{"a":');
      outgoing.end('1}');
    });
    expect([status, seen[0]?.body.toString()]).toEqual([200, '{"a":1}']);
  });

  it.each<[string, () => Promise<Response>, unknown[]]>([
    ['of another type', () => post('/hook', '{}', { 'content-type': 'text/plain' }), [415, 'UNSUPPORTED_MEDIA_TYPE']],
    [
      'that is coded',
      () => post('/hook', '{}', { ...json, 'content-encoding': 'gzip' }),
      [415, 'UNSUPPORTED_MEDIA_TYPE'],
    ],
    ['without a body', () => post('/hook', ''), [400, 'BAD_REQUEST']],
    ['that announces too much', () => post('/hook', 'x'.repeat(1_001)), [413, 'PAYLOAD_TOO_LARGE']],
    ['with a parameter', () => post('/hook?a=1', '{}'), [400, 'BAD_REQUEST']],
    ['with a bad token', () => post('/hook', '{}', { ...json, authorization: 'Bearer x' }), [401, 'UNAUTHENTICATED']],
    ['by another method', () => fetch(url('/hook')), [405, 'METHOD_NOT_ALLOWED']],
  ])('%s is a problem, and asks nobody', async (_name, ask, expected) => {
    expect(await problem(ask())).toEqual(expected);
    expect(seen).toEqual([]);
  });

  it('that turns out too large on its way is ended at the subgraph, and told', async () => {
    const chunk = 'x'.repeat(400);
    const answer = await new Promise<string>((resolve, reject) => {
      const { port } = new URL(gateway.url);
      const socket = connect(Number(port), '127.0.0.1');
      let text = '';
      socket.on('error', reject);
      socket.on('data', (data) => {
        text += data;
        if (text.includes('PAYLOAD_TOO_LARGE')) {
          socket.destroy();
          resolve(text);
        }
      });
      socket.write(
        'POST /api/v1/hook HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
      );
      for (let index = 0; index < 5; index++) socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    });
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(seen.every(({ whole, body }) => !whole && body.length <= 1_000)).toBe(true);
  });
});

describe('a download', () => {
  const get = (path: string, headers: Record<string, string> = {}) => fetch(url(path), { headers });

  it('is streamed with what the subgraph says of it, and can run nowhere', async () => {
    const response = await get('/files/a%20b?size=2');
    expect([response.status, await response.text(), seen[0]?.url]).toEqual([200, 'data', '/files/a%20b?size=2']);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html',
      'content-disposition': 'attachment; filename="a b"',
      etag: '"1"',
      'cache-control': 'private, max-age=60',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'ratelimit-policy': expect.stringContaining('"all"'),
    });
  });

  it('can be asked for in parts, and by HEAD', async () => {
    const part = await get('/files/a%20b', { range: 'bytes=0-1' });
    expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([206, 'da', 'bytes 0-1/4']);
    const head = await fetch(url('/files/a%20b'), { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('etag')]).toEqual([200, '', '"1"']);
  });

  it.each<[string, unknown[]]>([
    ['/files/refused', [422, 'WRONG_TYPE']],
    ['/files/nothing', [404, 'NOT_FOUND']],
    ['/files/broken', [502, 'SUBREQUEST_HTTP_ERROR']],
    ['/files/moved', [502, 'SUBREQUEST_HTTP_ERROR']],
    ['/files/large', [502, 'SUBREQUEST_HTTP_ERROR']],
    ['/files/gone', [502, 'SUBREQUEST_HTTP_ERROR']],
    ['/files/never', [504, 'GATEWAY_TIMEOUT']],
    ['/nowhere', [502, 'SUBREQUEST_HTTP_ERROR']],
    ['/files/a?other=1', [400, 'BAD_REQUEST']],
    ['/files/busy', [503, 'SUBREQUEST_HTTP_ERROR']],
  ])('of %s is a problem', async (path, expected) => {
    expect(await problem(get(path))).toEqual(expected);
  });

  it('tells what a subgraph has to say to clients, and nothing of its inside', async () => {
    expect(await (await get('/files/refused')).json()).toMatchObject({ detail: 'Only pictures.' });
    const broken = await (await get('/files/broken')).text();
    expect(broken).not.toContain('postgres');
    expect((await get('/files/busy')).headers.get('retry-after')).toBe('7');
  });

  it('that grows too large is cut off, so that nobody takes it for whole', async () => {
    await expect(get('/files/endless').then((response) => response.text())).rejects.toThrow();
  });

  it.each([
    '/files/..',
    '/files/%2e%2e',
    '/files/a%2Fb',
    '/files/a%5Cb',
    '/files/%00',
    '/files/',
    '/files/a/b',
    '/files/../hook',
  ])('of the path %s asks nobody', async (path) => {
    const status = await new Promise((resolve, reject) => {
      const { hostname, port } = new URL(gateway.url);
      const outgoing = httpRequest({ hostname, port, path: `/api/v1${path}`, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      outgoing.on('error', reject).end();
    });
    expect([400, 404, 405]).toContain(status);
    expect(seen).toEqual([]);
  });

  it('is ended at the subgraph when the client leaves', async () => {
    const reached = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const leaving = new AbortController();
    const left = fetch(url('/files/never'), { signal: leaving.signal }).catch(() => 'left');
    await reached;
    const connections = () =>
      new Promise<number>((resolve) => origin.getConnections((_error, count) => resolve(count)));
    leaving.abort();
    expect(await left).toBe('left');
    while ((await connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe('the call to a subgraph', () => {
  const counted = async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    const lines = text.matchAll(/^supergate_subgraph_requests_total\{subgraph="(\w+)",outcome="(\w+)"\} (\d+)/gm);
    return new Map([...lines].map(([, subgraph, outcome, count]) => [`${subgraph} ${outcome}`, Number(count)]));
  };

  it('counts like any other, by how it ended', async () => {
    const before = await counted();
    for (const path of ['/files/a%20b', '/files/refused', '/files/broken', '/files/gone', '/files/never'])
      await (await fetch(url(path))).arrayBuffer();
    const after = await counted();
    const more = (outcome: string) => (after.get(`files ${outcome}`) ?? 0) - (before.get(`files ${outcome}`) ?? 0);
    expect(more('ok')).toBe(1);
    expect(more('DOWNSTREAM_SERVICE_ERROR')).toBe(1);
    expect(more('SUBREQUEST_HTTP_ERROR')).toBe(2);
    expect(more('GATEWAY_TIMEOUT')).toBe(1);
  });

  it('tells how long it may take: as long as the route, or the client, waits', async () => {
    await post('/hook', '{}');
    await post('/hook', '{}', { ...json, 'x-wait-ms': '700' });
    expect(seen.map(({ headers }) => headers['x-deadline-ms'])).toEqual(['5000', '700']);
  });

  it('lets pass what rules for the headers of answers name', async () => {
    expect((await post('/hook', '{}')).headers.get('x-told')).toBe('by a rule');
  });

  it('is not made while the breaker of the subgraph is open', async () => {
    const ask = () => problem(fetch(url('/shaky')));
    for (let time = 0; time < 3; time++) expect(await ask()).toEqual([502, 'SUBREQUEST_HTTP_ERROR']);
    expect(await ask()).toEqual([503, 'SUBGRAPH_UNAVAILABLE']);
    expect(seen).toHaveLength(3);
  });

  it('is under way at its instance until the last byte', async () => {
    const inFlight = async () => {
      const text = await (await fetch(`${gateway.url}/metrics`)).text();
      return /supergate_subgraph_instance_requests_in_flight\{subgraph="files"[^}]*\} (\d+)/.exec(text)?.[1];
    };
    const answer = await fetch(url('/files/slow'));
    expect(await inFlight()).toBe('1');
    finish();
    await answer.text();
    for (let time = 0; time < 200 && (await inFlight()) !== '0'; time++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await inFlight()).toBe('0');
  });
});

describe('a route of a subgraph', () => {
  const form = () => {
    const data = new FormData();
    data.set('file', new Blob(['data'], { type: 'image/png' }), 'a.png');
    return data;
  };
  const upload = (headers: Record<string, string>) => fetch(url('/upload'), { method: 'POST', headers, body: form() });

  it('may want a sign-in, and takes forms then', async () => {
    const refused = await upload({});
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    const taken = await upload({ authorization: `Bearer ${token()}` });
    expect([taken.status, seen[0]?.headers['content-type']]).toEqual([
      200,
      expect.stringContaining('multipart/form-data'),
    ]);
    expect(seen[0]?.body.toString()).toContain('filename="a.png"');
  });

  it('takes no form that a page of another site could have sent', async () => {
    expect(await problem(post('/limited', '', { cookie: 'session=1', 'content-type': 'text/plain' }))).toEqual([
      400,
      'CSRF_PREVENTED',
    ]);
    expect(seen).toEqual([]);
  });

  it('may be for some alone', async () => {
    const as = (claims: object) =>
      fetch(url('/secret'), { method: 'POST', headers: { authorization: `Bearer ${token(claims)}` } });
    expect(await problem(fetch(url('/secret'), { method: 'POST' }))).toEqual([401, 'UNAUTHENTICATED']);
    expect(await problem(as({ roles: ['USER'] }))).toEqual([403, 'UNAUTHORIZED_FIELD_OR_TYPE']);
    expect((await as({ roles: ['ADMIN'] })).status).toBe(200);
    expect(seen).toHaveLength(1);
  });

  it('draws from the budgets of everybody, and from its own', async () => {
    const ask = () => fetch(url('/limited'), { method: 'POST' });
    const first = await ask();
    expect(first.headers.get('ratelimit-policy')).toBe('"all";q=1000;w=3600, "limited";q=2;w=3600');
    await ask();
    const refused = await ask();
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect(await refused.json()).toMatchObject({ code: 'REQUEST_RATE_LIMITED' });
    expect(seen).toHaveLength(2);
    expect((await fetch(url('/files/a%20b'))).status).toBe(200);
  });

  it('is in the OpenAPI document', async () => {
    const { paths } = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as { paths: Record<string, object> };
    expect(paths['/upload']).toMatchObject({
      post: {
        operationId: 'postUpload',
        security: [{ bearer: [] }],
        requestBody: { content: { 'multipart/form-data': { schema: { required: ['file'] } } } },
      },
    });
    expect(paths['/files/{id}']).toMatchObject({
      get: {
        parameters: [
          { name: 'id', in: 'path' },
          { name: 'size', in: 'query' },
        ],
      },
    });
  });
});
