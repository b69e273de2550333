/**
 * What the soak probe asks of a reference graph: each kind of request, with what must come back. One turn is one request
 * of a weighted choice. Real: HTTP and TCP clients, the tokens of users, who are signed in anew before their tokens end.
 * Whatever is not as expected is a failure, told by its kind.
 */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { SEED_PASSWORD, seedUserId } from '../../subgraphs/users/seed';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Request {
  readonly path?: string;
  readonly method?: 'GET' | 'POST' | 'PATCH';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of a user; undefined: anonymous. */
  readonly token?: string | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the kinds state the shapes that they read
type Data = any;

const json = { 'content-type': 'application/json' };
export const usernames = ['ada', 'grace', 'linus', 'margaret', 'alan', 'barbara'];

/** The same sequence of numbers from 0 to 1 in each run. */
function createDice(): () => number {
  let state = 8;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}
export const dice = createDice();
const oneOf = <Value>(values: readonly Value[]): Value => values[Math.floor(dice() * values.length)] as Value;

/** A gateway as HTTP clients see it, who keep their connections. */
export class Caller {
  private readonly agent = new Agent({ connections: 32 });
  readonly origin: string;

  constructor(readonly graphqlUrl: string) {
    this.origin = new URL(graphqlUrl).origin;
  }

  async send({ path = '/graphql', method = 'POST', headers = json, body, token }: Request): Promise<Answer> {
    const all = { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const answer = await this.agent.request({ origin: this.origin, path, method, headers: all, body: body ?? null });
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  /** The data of an operation that must be answered without errors. */
  async ask(query: string, variables: object = {}, token?: string): Promise<Data> {
    return dataOf(await this.send({ body: JSON.stringify({ query, variables }), token }));
  }

  close(): Promise<void> {
    return this.agent.close();
  }
}

/** Rejects an answer that holds errors, or no data. */
function dataOf({ status, text }: Answer): Data {
  const { data, errors } = JSON.parse(text) as { data?: Data; errors?: unknown };
  if (status !== 200 || errors || !data) throw new Error(`${status} ${text}`);
  return data;
}

function mustBe({ status, text }: Answer, ...statuses: readonly number[]): void {
  if (!statuses.includes(status)) throw new Error(`${status} instead of ${statuses.join(' or ')}: ${text}`);
}

const session = 'accessToken refreshToken';
const refresh = `mutation ($token: String!) { it: refresh(refreshToken: $token) { ${session} } }`;

/** A signed-in user with a conversation of their own, whose access token is renewed by `renew`. */
export class User {
  accessToken = '';
  private refreshToken = '';
  conversationId = '';
  /** Messages that were said in it since somebody listens. */
  said = 0;

  constructor(
    private readonly caller: Caller,
    readonly username: string,
  ) {}

  async signIn(): Promise<void> {
    const login = `mutation ($input: LoginInput!) { it: login(input: $input) { ${session} } }`;
    this.keep(await this.caller.ask(login, { input: { username: this.username, password: SEED_PASSWORD } }));
    const start = 'mutation ($input: StartConversationInput!) { it: startConversation(input: $input) { id } }';
    const participantIds = [seedUserId(10)];
    const input = { title: `Of ${this.username}`, participantIds, message: 'First' };
    const { it } = (await this.caller.ask(start, { input }, this.accessToken)) as { it: { id: string } };
    this.conversationId = it.id;
  }

  async renew(): Promise<void> {
    this.keep(await this.caller.ask(refresh, { token: this.refreshToken }));
  }

  private keep({ it }: { it?: { accessToken: string; refreshToken: string } }): void {
    this.accessToken = it?.accessToken ?? '';
    this.refreshToken = it?.refreshToken ?? '';
  }
}

/** One kind of request; `run` rejects when the answer is not what it must be. */
export interface Kind {
  readonly name: string;
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  run(): Promise<void>;
}

const feed = `query Feed($first: Int) { feed(first: $first) { nodes { __typename ... on Post { id title tags
  author { id displayName byline } price { amount currency } checkoutTotal(quantity: 2) { amount } purchaseCount }
  ... on Announcement { title author { displayName } } } } }`;
const me = `query Me { me { id displayName email balance { amount } payments(first: 5) { nodes { id status amount { amount } } }
  posts(first: 5) { nodes { id title price { amount } } } } notifications(first: 5) { unreadCount nodes { kind } } }`;
const talk = `query Talk($id: ID!) { conversation(id: $id) { title participants { user { displayName online } }
  messages(first: 10) { nodes { body sender { displayName byline } } } } }`;
const say = 'mutation Say($id: ID!, $body: String!) { sendMessage(conversationId: $id, body: $body) { id } }';
const pay =
  'mutation Pay($id: ID!, $key: String!) { it: createPaymentIntent(input: { postId: $id }, idempotencyKey: $key) { id } }';
const kept = 'query Kept { feed(first: 5) { nodes { __typename ... on Post { id title author { displayName } } } } }';
const hash = createHash('sha256').update(kept).digest('hex');
const introspection = '{ __schema { types { name fields { name type { name ofType { name } } } } } }';

export function createKinds(caller: Caller, users: readonly User[], postIds: readonly string[]): readonly Kind[] {
  let number = 0;
  const ask = async (query: string, variables?: object, user?: User) =>
    void (await caller.ask(query, variables, user?.accessToken));
  const saidBy = async (user: User, sent: Promise<unknown>) => {
    await sent;
    user.said += 1;
  };
  return [
    {
      name: 'query',
      weight: 16,
      run: () => ask(feed, { first: 1 + Math.floor(dice() * 20) }, oneOf([...users, undefined])),
    },
    { name: 'query of a user', weight: 14, run: () => ask(me, {}, oneOf(users)) },
    {
      name: 'conversation',
      weight: 12,
      run: () => {
        const user = oneOf(users);
        return ask(talk, { id: user.conversationId }, user);
      },
    },
    {
      name: 'new document',
      weight: 3,
      run: () =>
        ask(`query New${++number} { a${number}: post(id: "${oneOf(postIds)}") { title author { displayName } } }`),
    },
    { name: 'kept answer', weight: 6, run: () => ask(kept) },
    {
      name: 'persisted query',
      weight: 4,
      run: async () => {
        const extensions = JSON.stringify({ persistedQuery: { version: 1, sha256Hash: hash } });
        const path = `/graphql?extensions=${encodeURIComponent(extensions)}`;
        const headers = { 'apollo-require-preflight': 'true' };
        const answer = await caller.send({ path, method: 'GET', headers });
        if (answer.text.includes('PERSISTED_QUERY_NOT_FOUND'))
          dataOf(await caller.send({ path: `${path}&query=${encodeURIComponent(kept)}`, method: 'GET', headers }));
        else dataOf(answer);
      },
    },
    { name: 'introspection', weight: 0.2, run: () => ask(introspection) },
    {
      name: 'message',
      weight: 5,
      run: () => {
        const user = oneOf(users);
        return saidBy(user, ask(say, { id: user.conversationId, body: `Message ${++number}` }, user));
      },
    },
    {
      name: 'mutation',
      weight: 3,
      run: () =>
        ask(
          `mutation Update($bio: String) { updateProfile(input: { bio: $bio }) { bio } markNotificationsRead }`,
          { bio: `Bio ${++number}` },
          oneOf(users),
        ),
    },
    {
      name: 'payment',
      weight: 1,
      run: async () => {
        const { accessToken: token } = oneOf(users.slice(2));
        const variables = { id: oneOf(postIds), key: `soak-${++number}` };
        const answer = await caller.send({ body: JSON.stringify({ query: pay, variables }), token });
        // Who pays too often, for what is their own or has no price, is told so.
        if (/REQUEST_RATE_LIMITED|NOT_FOUND|BAD_USER_INPUT|CONFLICT|FORBIDDEN/.test(answer.text)) return;
        const { it } = dataOf(answer) as { it: { id: string } };
        await caller.ask('mutation Cancel($id: ID!) { cancelPayment(id: $id) { status } }', { id: it.id }, token);
      },
    },
    ...restKinds(caller, users, postIds, saidBy),
    ...badKinds(caller, users),
  ];
}

function restKinds(
  caller: Caller,
  users: readonly User[],
  postIds: readonly string[],
  saidBy: (user: User, sent: Promise<unknown>) => Promise<void>,
): readonly Kind[] {
  const get = async (path: string, token?: string) =>
    mustBe(await caller.send({ path, method: 'GET', headers: {}, token }), 200);
  return [
    { name: 'REST list', weight: 5, run: () => get(`/api/v1/content/posts?first=${1 + Math.floor(dice() * 20)}`) },
    { name: 'REST post', weight: 4, run: () => get(`/api/v1/content/posts/${oneOf(postIds)}`) },
    { name: 'REST of a user', weight: 4, run: () => get('/api/v1/payments', oneOf(users).accessToken) },
    { name: 'REST documents', weight: 0.2, run: () => get('/openapi.json') },
    { name: 'health', weight: 1, run: () => get('/health/ready') },
    {
      name: 'REST message',
      weight: 2,
      run: () => {
        const user = oneOf(users);
        const path = `/api/v1/conversations/${user.conversationId}/messages`;
        const body = JSON.stringify({ body: 'By REST' });
        return saidBy(
          user,
          caller.send({ path, body, token: user.accessToken }).then((answer) => mustBe(answer, 201)),
        );
      },
    },
  ];
}

function badKinds(caller: Caller, users: readonly User[]): readonly Kind[] {
  const refused = (name: string, weight: number, request: () => Request, ...statuses: readonly number[]): Kind => ({
    name: `bad: ${name}`,
    weight,
    run: async () => mustBe(await caller.send(request()), ...statuses),
  });
  const query = (text: string, variables?: object) => ({ body: JSON.stringify({ query: text, variables }) });
  const nested = (depth: number) =>
    `{ me ${'{ posts { nodes { author '.repeat(depth)}{ id }${' } } }'.repeat(depth)} }`;
  let number = 0;
  return [
    refused('no JSON', 0.5, () => ({ body: '{"query": "{ me' }), 400),
    refused('syntax', 0.5, () => query(`{ me ${++number} {`), 400),
    refused('unknown field', 1, () => query(`{ nothing${++number} }`), 400),
    refused('variables', 0.5, () => query(talk, { id: { a: ++number } }), 400),
    refused('too deep', 0.3, () => query(nested(30 + (++number % 5))), 400),
    refused('too large', 0.1, () => query(`# ${'x'.repeat(1_100_000)}\n{ me { id } }`), 413),
    refused('token', 1, () => ({ ...query(me), token: `${oneOf(users).accessToken.slice(0, -4)}AAAA` }), 401),
    refused('media type', 0.5, () => ({ ...query(me), headers: { 'content-type': 'text/plain' } }), 400, 415),
    refused('path', 0.5, () => ({ path: `/nothing/${++number}`, method: 'GET', headers: {} }), 404),
    refused(
      'REST parameter',
      0.5,
      () => ({ path: '/api/v1/content/posts?first=many', method: 'GET', headers: {} }),
      400,
    ),
    {
      name: 'bad: half a request',
      weight: 0.5,
      run: () =>
        sendBytes(
          caller.origin,
          'POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"qu',
        ),
    },
    {
      name: 'bad: no HTTP',
      weight: 0.5,
      run: () => sendBytes(caller.origin, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
    },
    {
      name: 'bad: gone before the answer',
      weight: 1,
      run: async () => {
        const { body } = query(feed, { first: 50 + (++number % 50) });
        const head = `POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
        await sendBytes(caller.origin, `${head}\r\n\r\n${body}`, 1 + Math.floor(dice() * 20));
      },
    },
  ];
}

/** Connects, writes, and is gone a moment later, whatever comes back. */
async function sendBytes(origin: string, bytes: string, goneAfterMs = 200): Promise<void> {
  const { port, hostname } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.resume().write(bytes, 'latin1');
  await sleep(goneAfterMs);
  socket.destroy();
}

export interface Window {
  readonly waits: readonly number[];
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: ReadonlyMap<string, number>;
  /** What was due while too many were open: the machine is too slow for the rate. */
  readonly unsent: number;
}

const maxOpen = 200;

/** So many requests a second, each of a kind that the dice choose, whether earlier ones are answered or not. */
export class Load {
  private waits: number[] = [];
  private counts = new Map<string, number>();
  private failures = new Map<string, number>();
  private due = 0;
  private unsent = 0;
  private readonly open = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private readonly totalWeight: number;

  constructor(
    private readonly kinds: readonly Kind[],
    perSecond: number,
    private readonly onFailure: (what: string) => void,
  ) {
    this.totalWeight = kinds.reduce((sum, { weight }) => sum + weight, 0);
    const begin = performance.now();
    this.timer = setInterval(() => {
      const due = ((performance.now() - begin) / 1_000) * perSecond;
      for (; this.due < due; this.due += 1) {
        if (this.open.size >= maxOpen) this.unsent += 1;
        else this.begin(this.choose());
      }
    }, 5);
  }

  private choose(): Kind {
    let left = dice() * this.totalWeight;
    for (const kind of this.kinds) {
      left -= kind.weight;
      if (left < 0) return kind;
    }
    return this.kinds[0] as Kind;
  }

  private begin(kind: Kind): void {
    const begin = performance.now();
    const run = kind
      .run()
      .then(
        // What is bad on purpose, and waits on purpose, tells nothing of how fast answers come.
        () => void (kind.name.startsWith('bad') || this.waits.push(performance.now() - begin)),
        (error) => this.fail(kind.name, error),
      )
      .finally(() => this.open.delete(run));
    this.open.add(run);
    this.counts.set(kind.name, (this.counts.get(kind.name) ?? 0) + 1);
  }

  fail(kind: string, error: unknown): void {
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
    this.onFailure(`${kind}: ${String(error).slice(0, 400)}`);
  }

  /** What came since the last call; `waits` in ms, sorted. */
  take(): Window {
    const window = {
      waits: this.waits.sort((one, other) => one - other),
      counts: this.counts,
      failures: this.failures,
      unsent: this.unsent,
    };
    this.waits = [];
    this.unsent = 0;
    this.counts = new Map();
    this.failures = new Map();
    return window;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all([...this.open]);
  }
}
