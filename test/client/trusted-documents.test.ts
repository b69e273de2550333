import { createHash } from 'node:crypto';
import { WebSocket } from 'ws';
import { readManifest } from '../../src/operation/manifests';
import { createTrustedDocuments, type TrustedDocumentsOptions } from '../../src/operation/trusted-documents';
import { silentLog } from '../../src/telemetry/log';
import { startTestServer, stopTestServer, type TestServer } from './http-server';

/**
 * Trusted documents at every door and on both lanes. Real: HTTP server, sockets, Apollo Server, the list.
 * Fake: the way behind the door. Observed: answers, and how many documents were prepared.
 */
const hello = 'query Hello($name: String) { hello(name: $name) }';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const manifest = {
  hi: hello,
  [sha256(hello)]: hello,
  ticks: 'subscription Ticks { ticks }',
  up: 'mutation Up { increment }',
};
const { documents } = readManifest('m.json', JSON.stringify(manifest));
const trusted = (options: Partial<TrustedDocumentsOptions>) =>
  createTrustedDocuments(
    { current: { operations: [], documents, names: new Set() } },
    { mode: 'only', requireId: false, dryRun: false, log: silentLog, ...options },
  );

let server: TestServer;
let url: string;
async function start(options: Partial<TrustedDocumentsOptions>, expressLane = true): Promise<void> {
  server = await startTestServer({ expressLane }, { trusted: trusted(options) });
  url = await server.http.listen(0, '127.0.0.1');
}
afterEach(() => stopTestServer(server));

const json = { 'content-type': 'application/json', accept: 'application/graphql-response+json' };
const post = (body: object, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) });
const get = (parameters: Record<string, string>) =>
  fetch(`${url}?${new URLSearchParams(parameters)}`, { headers: { ...json, 'apollo-require-preflight': 'yes' } });
const variables = { name: 'Ada' };
const persisted = (sha256Hash: string) => ({ persistedQuery: { version: 1, sha256Hash } });

async function outcome(answer: Promise<Response>): Promise<unknown> {
  const response = await answer;
  const { data, errors } = (await response.json()) as { data?: object; errors?: { extensions: { code: string } }[] };
  return errors ? [response.status, errors[0]?.extensions.code] : data;
}

describe.each([
  ['express lane', true],
  ['Apollo lane', false],
])('on the %s', (_lane, expressLane) => {
  it.each<[string, () => Promise<Response>]>([
    ['Apollo sends it', () => post({ extensions: persisted(sha256(hello)), variables })],
    ['Apollo sends it with a name', () => post({ operationName: 'Hello', extensions: persisted('hi'), variables })],
    ['Relay sends it', () => post({ doc_id: 'hi', variables })],
    ['other networks of Relay send it', () => post({ id: 'hi', variables })],
    ['GraphQL over HTTP proposes', () => post({ documentId: 'hi', variables })],
    ['GraphQL over HTTP names hashes', () => post({ documentId: `sha256:${sha256(hello)}`, variables })],
    [
      'a GET of Apollo',
      () => get({ extensions: JSON.stringify(persisted('hi')), variables: JSON.stringify(variables) }),
    ],
    ['a GET by documentId', () => get({ documentId: 'hi', variables: JSON.stringify(variables) })],
    ['a text that is on the list', () => post({ query: hello, variables })],
  ])('answers a document as %s', async (_name, ask) => {
    await start({}, expressLane);
    expect(await outcome(ask())).toEqual({ hello: 'hello Ada' });
  });

  it.each<[string, () => Promise<Response>, [number, string]]>([
    ['another text', () => post({ query: '{ echo }' }), [403, 'QUERY_NOT_IN_SAFELIST']],
    ['another text in a GET', () => get({ query: '{ echo }' }), [403, 'QUERY_NOT_IN_SAFELIST']],
    ['an unknown id', () => post({ documentId: 'nope' }), [404, 'PERSISTED_QUERY_NOT_IN_LIST']],
    ['an unknown hash', () => post({ extensions: persisted('0'.repeat(64)) }), [404, 'PERSISTED_QUERY_NOT_IN_LIST']],
    [
      'a hash that is to be registered',
      () => post({ query: '{ echo }', extensions: persisted(sha256('{ echo }')) }),
      [400, 'CANNOT_SEND_PQ_ID_AND_BODY'],
    ],
    ['an id beside a text', () => post({ documentId: 'hi', query: hello }), [400, 'CANNOT_SEND_PQ_ID_AND_BODY']],
    ['nothing at all', () => post({ variables: {} }), [400, 'BAD_REQUEST']],
    ['an id that is no text', () => post({ documentId: 7 }), [400, 'BAD_REQUEST']],
    [
      'an id that is given twice',
      () => fetch(`${url}?documentId=hi&documentId=up`, { headers: { ...json, 'apollo-require-preflight': 'y' } }),
      [400, 'BAD_REQUEST'],
    ],
    ['a mutation by id in a GET', () => get({ documentId: 'up' }), [405, 'METHOD_NOT_ALLOWED']],
    ['a GET that a foreign page could make', () => fetch(`${url}?documentId=hi`), [400, 'CSRF_PREVENTED']],
  ])('refuses %s, and prepares nothing', async (_name, ask, refusal) => {
    await start({}, expressLane);
    expect(await outcome(ask())).toEqual(refusal);
    expect(server.door.counts.executed).toBe(0);
    if (refusal[1] !== 'METHOD_NOT_ALLOWED') expect(server.door.counts.prepared).toBe(0);
  });

  it('refuses texts of the list where an id is required', async () => {
    await start({ requireId: true }, expressLane);
    expect(await outcome(post({ query: hello }))).toEqual([400, 'PERSISTED_QUERY_ID_REQUIRED']);
    expect(await outcome(post({ documentId: 'hi', variables }))).toEqual({ hello: 'hello Ada' });
  });

  it('answers introspection, on which others decide', async () => {
    await start({ requireId: true }, expressLane);
    const query = '{ __schema { queryType { name } } }';
    expect(await outcome(post({ query }))).toEqual({ __schema: { queryType: { name: 'Query' } } });
  });

  it('takes other texts and automatic persisted queries in mode allow, and in a dry run', async () => {
    for (const options of [{ mode: 'allow' }, { dryRun: true }] as const) {
      await start(options, expressLane);
      const extensions = persisted(sha256('{ hello }'));
      expect(await outcome(post({ query: '{ hello }' }))).toEqual({ hello: 'hello world' });
      expect(await outcome(post({ extensions }))).toEqual([200, 'PERSISTED_QUERY_NOT_FOUND']);
      expect(await outcome(post({ query: '{ hello }', extensions }))).toEqual({ hello: 'hello world' });
      expect(await outcome(post({ extensions }))).toEqual({ hello: 'hello world' });
      expect(await outcome(post({ documentId: 'nope' }))).toEqual([404, 'PERSISTED_QUERY_NOT_IN_LIST']);
      if (options !== undefined && 'mode' in options) await stopTestServer(server);
    }
  });
});

describe('an event stream', () => {
  it('is of a document by its id, and of no other', async () => {
    await start({});
    const refused = await post({ query: 'subscription { ticks }' }, { accept: 'text/event-stream' });
    expect(await refused.text()).toContain('"code":"QUERY_NOT_IN_SAFELIST"');
    const answered = await post({ documentId: 'hi', variables }, { accept: 'text/event-stream' });
    expect(await answered.text()).toContain('{"data":{"hello":"hello Ada"}}');
  });
});

describe('a WebSocket', () => {
  async function ask(...payloads: object[]): Promise<unknown[]> {
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
    const answers = new Promise<unknown[]>((resolve, reject) => {
      const told: unknown[] = [];
      socket.on('error', reject);
      socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
      socket.on('open', () => socket.send('{"type":"connection_init"}'));
      socket.on('message', (data) => {
        const { type, id, payload } = JSON.parse(String(data)) as { type: string; id: string; payload: never };
        if (type === 'connection_ack')
          for (const [index, each] of payloads.entries())
            socket.send(JSON.stringify({ id: String(index), type: 'subscribe', payload: each }));
        else if (type !== 'complete') told[Number(id)] = payload;
        if (type === 'next' || type === 'error') if (told.filter(Boolean).length === payloads.length) resolve(told);
      });
    });
    try {
      return await answers;
    } finally {
      socket.terminate();
    }
  }
  const refusal = (code: string) => [expect.objectContaining({ extensions: { code } })];

  it('answers documents by id and texts of the list, and refuses others', async () => {
    await start({});
    const told = await ask(
      { documentId: 'hi', variables },
      { query: '', extensions: persisted(sha256(hello)), variables },
      { query: hello, variables },
      { query: '{ echo }' },
      { documentId: 'nope' },
      { query: hello, documentId: 'hi' },
      { query: '' },
    );
    const data = { data: { hello: 'hello Ada' } };
    expect(told).toEqual([
      data,
      data,
      data,
      refusal('QUERY_NOT_IN_SAFELIST'),
      refusal('PERSISTED_QUERY_NOT_IN_LIST'),
      refusal('CANNOT_SEND_PQ_ID_AND_BODY'),
      refusal('BAD_REQUEST'),
    ]);
  });

  it('takes other texts in mode allow', async () => {
    await start({ mode: 'allow' });
    expect(await ask({ query: '{ hello }' })).toEqual([{ data: { hello: 'hello world' } }]);
  });
});
