/**
 * Subscribers of the soak probe: listeners who stay from the start to the end and must hear every message, and guests who
 * come and go by WebSocket, event stream and multipart stream, politely or not, and some with nothing but nonsense.
 * Real: sockets, the tokens of users. Whatever is not as expected is a failure.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { WebSocket } from 'ws';
import { dice, type User } from './soak-load';

type Fail = (kind: string, error: unknown) => void;
interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: { readonly data?: object; readonly errors?: object };
}

const messages =
  'subscription Said($id: ID!) { messageAdded(conversationId: $id) { body sender { displayName byline } } }';
const others = [
  'subscription { postPublished { title author { displayName } price { amount } } }',
  'subscription { notificationReceived { kind subject { __typename ... on Message { body } } } }',
  'subscription { paymentStatusChanged { status amount { amount } } }',
];
const socketUrl = (graphqlUrl: string) => graphqlUrl.replace('http', 'ws');
const subscribe = (id: string, query: string, variables: object = {}) =>
  JSON.stringify({ id, type: 'subscribe', payload: { query, variables } });
const credentials = ({ accessToken }: User) => ({ authorization: `Bearer ${accessToken}` });

/** Hears what is said in the conversation of a user; its token is renewed by pings. */
export class Listener {
  heard = 0;
  private isOver = false;
  private readonly socket: WebSocket;
  readonly listening: Promise<void>;

  constructor(
    graphqlUrl: string,
    readonly user: User,
    fail: Fail,
  ) {
    this.socket = new WebSocket(socketUrl(graphqlUrl), 'graphql-transport-ws');
    this.socket.on('error', (error) => fail('listener', error));
    this.socket.on('close', (code) => this.isOver || fail('listener', `it was closed with ${code}`));
    this.socket.on('open', () =>
      this.socket.send(JSON.stringify({ type: 'connection_init', payload: credentials(user) })),
    );
    this.listening = new Promise((resolve) => {
      this.socket.on('message', (text) => {
        const message = JSON.parse(String(text)) as Message;
        if (message.type === 'connection_ack') {
          this.socket.send(subscribe('1', messages, { id: user.conversationId }));
          resolve();
        } else if (message.type === 'next') {
          this.heard += 1;
          if (message.payload?.errors) fail('event', JSON.stringify(message.payload));
        } else if (message.type !== 'pong' && message.type !== 'ping') fail('listener', String(text));
      });
    });
  }

  renew(): void {
    this.socket.send(JSON.stringify({ type: 'ping', payload: credentials(this.user) }));
  }

  close(): void {
    this.isOver = true;
    this.socket.close();
  }
}

/** So many guests at a time: each stays for some seconds, and another one follows. */
export class Guests {
  private isOver = false;
  private readonly running: Promise<void>[];
  private readonly agent = new Agent({ connections: 1_000, bodyTimeout: 0 });
  /** Guests that have come so far, and events that they got. */
  came = 0;
  events = 0;

  constructor(
    private readonly graphqlUrl: string,
    private readonly users: readonly User[],
    count: number,
    private readonly fail: Fail,
  ) {
    this.running = Array.from({ length: count }, () => this.comeAndGo());
  }

  private async comeAndGo(): Promise<void> {
    while (!this.isOver) {
      this.came += 1;
      const kind = dice();
      const stayMs = 500 + dice() * 25_000;
      try {
        if (kind < 0.5) await this.bySocket(stayMs);
        else if (kind < 0.7) await this.byStream('text/event-stream', stayMs);
        else if (kind < 0.85) await this.byStream('multipart/mixed;subscriptionSpec=1.0, application/json', stayMs);
        else await this.byNonsense();
      } catch (error) {
        this.fail('guest', error);
      }
    }
  }

  private get user(): User {
    return this.users[Math.floor(dice() * this.users.length)] as User;
  }

  private async stay(ms: number): Promise<void> {
    for (const end = performance.now() + ms; performance.now() < end && !this.isOver; ) await sleep(100);
  }

  private async bySocket(stayMs: number): Promise<void> {
    const { user } = this;
    const socket = new WebSocket(socketUrl(this.graphqlUrl), 'graphql-transport-ws');
    let isLeaving = false;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // Who leaves before the handshake is done is told so by its own library.
    socket.on('error', (error) => isLeaving || this.fail('guest', error));
    socket.on('close', (code) => isLeaving || this.fail('guest', `a socket was closed with ${code}`));
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: credentials(user) })));
    socket.on('message', (text) => {
      const { type } = JSON.parse(String(text)) as Message;
      if (type === 'next') this.events += 1;
      else if (type === 'error') this.fail('guest', text);
      if (type !== 'connection_ack') return;
      socket.send(subscribe('1', messages, { id: user.conversationId }));
      for (const [index, query] of others.entries()) if (dice() < 0.5) socket.send(subscribe(`${index + 2}`, query));
    });
    await this.stay(stayMs);
    isLeaving = true;
    const manner = dice();
    if (manner < 0.3) socket.terminate();
    else {
      if (manner < 0.6 && socket.readyState === WebSocket.OPEN) socket.send('{"id":"1","type":"complete"}');
      socket.close();
    }
    await closed;
  }

  private async byStream(accept: string, stayMs: number): Promise<void> {
    const { origin, pathname: path } = new URL(this.graphqlUrl);
    const { user } = this;
    const leave = new AbortController();
    const answer = await this.agent.request({
      origin,
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, ...credentials(user) },
      body: JSON.stringify({ query: messages, variables: { id: user.conversationId } }),
      signal: leave.signal,
    });
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${await answer.body.text()}`);
    const read = (async () => {
      for await (const chunk of answer.body) {
        const text = String(chunk);
        if (text.includes('"messageAdded"')) this.events += 1;
        if (text.includes('"errors"')) this.fail('guest', text);
      }
      if (!leave.signal.aborted) this.fail('guest', 'a stream ended');
    })().catch((error) => leave.signal.aborted || this.fail('guest', error));
    await this.stay(stayMs);
    leave.abort();
    await read;
  }

  /** What a gateway must close, or what leaves without a word. */
  private async byNonsense(): Promise<void> {
    const { user } = this;
    const first = [
      ['{"type":"connection_init","payload":{"authorization":"Bearer nonsense"}}', [4401, 4403]],
      ['{"id":"1","type":"subscribe","payload":{"query":"subscription { postPublished { id } }"}}', [4401]],
      ['no JSON', [4400]],
      ['x'.repeat(1_100_000), [1009]],
      [undefined, [4408]],
    ] as const;
    const [text, codes] = first[Math.floor(dice() * first.length)] as (typeof first)[number];
    const socket = new WebSocket(socketUrl(this.graphqlUrl), 'graphql-transport-ws');
    socket.on('error', () => {});
    socket.on('open', () => text !== undefined && socket.send(text));
    const code = await new Promise<number>((resolve) => socket.once('close', resolve));
    if (!codes.some((expected) => expected === code)) this.fail('guest', `nonsense was closed with ${code}`);
    // The one who is refused as an operation, on a socket that goes on.
    const good = new WebSocket(socketUrl(this.graphqlUrl), 'graphql-transport-ws');
    good.on('error', (error) => this.fail('guest', error));
    good.on('open', () => good.send(JSON.stringify({ type: 'connection_init', payload: credentials(user) })));
    const refusal = await new Promise<Message>((resolve) => {
      good.on('message', (data) => {
        const message = JSON.parse(String(data)) as Message;
        if (message.type === 'connection_ack') good.send(subscribe('1', 'subscription { nothing }'));
        else resolve(message);
      });
    });
    if (refusal.type !== 'error') this.fail('guest', JSON.stringify(refusal));
    good.terminate();
  }

  async leave(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
    await this.agent.close();
  }
}
