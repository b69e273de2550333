/**
 * What only real sockets show: bytes that are not HTTP, floods, slowness, connections that go on after an error.
 * Real: TCP on loopback, Node's parser, the whole client stage. Fake: the schema behind it.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorTable } from '../../src/errors';
import { type Answer, expectRefusal } from './answers';
import { startTestServer, stopTestServer, type TestServer } from './http-server';

const hello = JSON.stringify({ query: '{ hello }' });
const helloText = '{"data":{"hello":"hello world"}}';

function postText(body: string, headers: readonly string[] = []): string {
  const length = `content-length: ${Buffer.byteLength(body)}`;
  return ['POST /graphql HTTP/1.1', 'host: x', 'content-type: application/json', length, ...headers, '', body].join(
    '\r\n',
  );
}

/** A client that writes what it likes and keeps all that it reads. */
class RawClient {
  received = '';
  closed = false;
  readonly socket: Socket;
  private wake = () => {};

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => {
      this.received += text;
      this.wake();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  write(text: string): void {
    this.socket.write(text);
  }

  async until(condition: () => boolean, timeoutMs = 5_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited in vain; received ${JSON.stringify(this.received.slice(0, 2_000))}`);
      await Promise.race([
        new Promise<void>((resolve) => {
          this.wake = resolve;
        }),
        sleep(Math.min(left, 10)),
      ]);
    }
  }

  /** The whole answers so far; the head and the body of each. */
  answers(): Answer[] {
    const answers: Answer[] = [];
    let rest = this.received;
    for (;;) {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return answers;
      const [status = '', ...lines] = rest.slice(0, end).split('\r\n');
      const headers = Object.fromEntries(lines.map((line) => line.split(': ', 2) as [string, string]));
      const length = Number(headers['content-length'] ?? 0);
      const body = rest.slice(end + 4, end + 4 + length);
      if (body.length < length) return answers;
      answers.push({ statusCode: Number(status.split(' ')[1]), headers, body });
      rest = rest.slice(end + 4 + length);
    }
  }

  async answered(count: number, timeoutMs?: number): Promise<Answer[]> {
    await this.until(() => this.answers().length >= count, timeoutMs);
    return this.answers();
  }
}

describe.each([
  ['through Apollo Server', false],
  ['on the express lane', true],
])('a socket %s', (_lane, expressLane) => {
  let server: TestServer;
  let url: string;
  const clients: RawClient[] = [];
  const open = () => {
    const client = new RawClient(Number(new URL(url).port));
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    server = await startTestServer({ expressLane, headersTimeoutMs: 300, requestTimeoutMs: 600 });
    url = await server.http.listen(0, '127.0.0.1');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.destroy();
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: hello });
    expect(await answer.text()).toBe(helloText);
  });
  afterAll(() => stopTestServer(server));

  it.each<[string, string, keyof typeof errorTable]>([
    ['is not HTTP', 'hello there\r\n\r\n', 'BAD_REQUEST'],
    ['begins a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'BAD_REQUEST'],
    ['has a method that does not exist', 'FROBNICATE /graphql HTTP/1.1\r\nhost: x\r\n\r\n', 'BAD_REQUEST'],
    ['has an HTTP version that does not exist', 'GET /graphql HTTP/9.9\r\nhost: x\r\n\r\n', 'BAD_REQUEST'],
    ['has no Host', postText(hello).replace('host: x\r\n', ''), 'BAD_REQUEST'],
    ['has two content lengths', postText(hello, ['content-length: 3']), 'BAD_REQUEST'],
    ['has a length and a chunked coding', postText(hello, ['transfer-encoding: chunked']), 'BAD_REQUEST'],
    ['has a NUL in a header', postText(hello, ['x-name: a\x00b']), 'BAD_REQUEST'],
    [
      'has a malformed chunk',
      'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      'BAD_REQUEST',
    ],
    ['floods with one long header', postText(hello, [`x-long: ${'x'.repeat(300_000)}`]), 'REQUEST_HEADERS_TOO_LARGE'],
    [
      'floods with a long URL',
      `GET /graphql?query=${'x'.repeat(300_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      'REQUEST_HEADERS_TOO_LARGE',
    ],
    [
      'floods with 2,000 headers',
      postText(
        hello,
        Array.from({ length: 2_000 }, (_, i) => `a${i}: 1`),
      ),
      'REQUEST_HEADERS_TOO_LARGE',
    ],
    [
      'floods with 100,000 headers',
      postText(
        hello,
        Array.from({ length: 100_000 }, (_, i) => `a${i}: 1`),
      ),
      'REQUEST_HEADERS_TOO_LARGE',
    ],
  ])('that %s is answered well-formed', async (_name, bytes, code) => {
    const client = open();
    client.write(bytes);
    const [answer] = await client.answered(1);
    expectRefusal(answer!, errorTable[code].httpStatus, code);
  });

  it('that sends its headers slowly is cut with 408', async () => {
    const client = open();
    client.write('POST /graphql HTTP/1.1\r\nhost: x\r\nx-slow: ');
    const drip = setInterval(() => client.write('a'), 50);
    const [answer] = await client.answered(1);
    clearInterval(drip);
    expectRefusal(answer!, 408, 'REQUEST_TIMEOUT');
    await client.until(() => client.closed);
  });

  it('is answered when it has sent in time, though the gateway was late to read it', async () => {
    const early = open();
    const whole = postText(hello);
    early.write(whole.slice(0, -5));
    const silent = open();
    await sleep(50);
    early.write(whole.slice(-5));
    silent.write(whole);
    // Longer than headers and requests may take: nothing is read, and then timers come first.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    for (const client of [early, silent]) {
      const [answer] = await client.answered(1);
      expect(answer?.body).toBe(helloText);
    }
  });

  it('that sends its body slowly is cut with 408, and logged so', async () => {
    const client = open();
    client.write(postText(hello).slice(0, -5));
    const [answer] = await client.answered(1);
    expectRefusal(answer!, 408, 'REQUEST_TIMEOUT');
    await client.until(() => client.closed);
    await client.until(() => server.lines.some(({ status }) => status === 408));
    expect(server.lines.filter(({ status }) => status === 408)).toMatchObject([{ code: 'REQUEST_TIMEOUT' }]);
    expect(client.answers()).toHaveLength(1);
  });

  it('that says nothing at all is closed', async () => {
    const client = open();
    await client.until(() => client.closed);
  });

  it('that leaves in the middle of its body leaves no request in flight', async () => {
    const client = open();
    client.write(postText(hello).slice(0, -5));
    await sleep(50);
    client.socket.destroy();
    await client.until(() => client.closed);
    await sleep(50);
    expect((await server.metrics.render()).body).toContain('supergate_requests_in_flight 0');
  });

  it('that leaves before the answer tells the context of its request', async () => {
    const client = open();
    client.write(postText(JSON.stringify({ query: '{ gated }' })));
    await server.door.gateReached;
    const request = server.door.requests.at(-1)!;
    expect(request.left).toBe(false);
    client.socket.destroy();
    await client.until(() => request.left);
    await client.until(() => server.lines.some(({ status }) => status === 499));
    server.door.openGate();
  });

  it('that got an answer and leaves then tells the context of its request nothing', async () => {
    const client = open();
    client.write(postText(hello));
    await client.answered(1);
    const request = server.door.requests.at(-1)!;
    client.socket.destroy();
    await client.until(() => client.closed);
    await sleep(20);
    expect(request.left).toBe(false);
  });

  it('goes on after each kind of error', async () => {
    const client = open();
    const bad = [
      postText('{'),
      postText(hello, ['accept: image/png']),
      postText(JSON.stringify({ query: '{ nope }' })),
      'DELETE /graphql HTTP/1.1\r\nhost: x\r\n\r\n',
      'GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n',
      'GET /graphql HTTP/1.1\r\nhost: x\r\n\r\n',
    ];
    for (const [index, text] of bad.entries()) {
      client.write(text);
      await client.answered(2 * index + 1);
      client.write(postText(hello));
      const answers = await client.answered(2 * index + 2);
      expect(answers.at(-2)!.statusCode).toBeGreaterThanOrEqual(400);
      expect(answers.at(-1)!.body).toBe(helloText);
    }
  });

  it('goes on after a body that was refused before it was read', async () => {
    const client = open();
    client.write(postText('x'.repeat(2_000_000)));
    client.write(postText(hello));
    const [first, second] = await client.answered(2);
    expectRefusal(first!, 413, 'PAYLOAD_TOO_LARGE');
    expect(second!.body).toBe(helloText);
  });

  it('goes on after a chunked body that turned out too large', async () => {
    const client = open();
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
    client.write(
      'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    for (let index = 0; index < 40; index++) client.write(chunk);
    client.write('0\r\n\r\n');
    client.write(postText(hello));
    const [first, second] = await client.answered(2);
    expectRefusal(first!, 413, 'PAYLOAD_TOO_LARGE');
    expect(second!.body).toBe(helloText);
  });

  it('that keeps sending a refused body is cut without a second answer', async () => {
    const client = open();
    client.write(
      'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n',
    );
    const drip = setInterval(() => client.write('x'.repeat(1_000)), 20);
    await client.until(() => client.closed);
    clearInterval(drip);
    expect(client.answers()).toHaveLength(1);
    expectRefusal(client.answers()[0]!, 413, 'PAYLOAD_TOO_LARGE');
  });

  it('that pipelines is answered in order', async () => {
    const client = open();
    const ask = (name: string) => postText(JSON.stringify({ query: `{ hello(name: "${name}") }` }));
    client.write(ask('a') + ask('b') + ask('c'));
    const answers = await client.answered(3);
    expect(answers.map(({ body }) => body)).toEqual(
      ['a', 'b', 'c'].map((name) => `{"data":{"hello":"hello ${name}"}}`),
    );
  });

  it('that expects something unknown is answered all the same', async () => {
    const client = open();
    client.write(postText(hello, ['expect: a-miracle']));
    const [answer] = await client.answered(1);
    expect(answer!.body).toBe(helloText);
  });

  it('that waits for 100 Continue gets it', async () => {
    const client = open();
    const text = postText(hello, ['expect: 100-continue']);
    client.write(text.slice(0, -hello.length));
    await client.until(() => client.received.startsWith('HTTP/1.1 100 Continue'));
    client.write(hello);
    await client.until(() => client.received.includes(helloText));
  });

  it('that uses HTTP/1.0 is answered and closed', async () => {
    const client = open();
    client.write(postText(hello).replace('HTTP/1.1', 'HTTP/1.0'));
    await client.until(() => client.closed);
    expect(client.answers()[0]!.body).toBe(helloText);
  });

  it('that sends a HEAD gets headers alone', async () => {
    const client = open();
    client.write('HEAD /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await client.until(() => client.closed);
    expect(client.received).toMatch(/^HTTP\/1\.1 405 /);
    expect(client.received.split('\r\n\r\n')[1]).toBe('');
  });

  it.each(['TRACE', 'PROPFIND', 'SEARCH', 'M-SEARCH', 'QUERY'])(
    'that sends %s is told what is allowed',
    async (method) => {
      const client = open();
      client.write(`${method} /graphql HTTP/1.1\r\nhost: x\r\n\r\n`);
      const [answer] = await client.answered(1);
      expect([400, 405]).toContain(answer!.statusCode);
      expectRefusal(answer!, answer!.statusCode, answer!.statusCode === 405 ? 'METHOD_NOT_ALLOWED' : 'BAD_REQUEST');
    },
  );

  it('that names the whole URL in its request line is answered', async () => {
    const client = open();
    client.write(postText(hello).replace('/graphql', 'http://elsewhere.example/graphql'));
    const [answer] = await client.answered(1);
    expect([200, 404]).toContain(answer!.statusCode);
  });
});
