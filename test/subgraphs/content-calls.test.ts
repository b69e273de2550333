/**
 * Calls between participants of conversations. Real: Postgres, two instances of the subgraph, sockets of graphql-ws.
 * Observed: what each of the two hears, on whichever instance, and what is refused.
 */
import type { Client } from 'graphql-ws';
import { silentLog } from '../../src/telemetry/log';
import { type CallAction, type CallState, type CallStatus, decideCall } from '../../subgraphs/content/call-state';
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { type Database, openDatabase } from '../../subgraphs/shared/database';
import { createLocalEvents } from '../../subgraphs/shared/events';
import type { Caller } from '../../subgraphs/shared/identity';
import { type RunningSubgraph, startSubgraph } from '../../subgraphs/shared/subgraph';
import { createTestDatabase, type TestDatabase } from '../support/postgres';
import { type Heard, hear, openSocket, until } from './live-support';
import { ada, nobody, user } from './payments-content-support';
import { call, TEST_SECRET } from './shared-call';

jest.setTimeout(30_000);

describe('the life of a call', () => {
  const at = (status: CallStatus, offeredBy: string | null = null): CallState => ({
    callerId: 'caller',
    calleeId: 'callee',
    status,
    offeredBy,
  });
  const codeOf = (state: CallState, action: CallAction, userId: string): unknown => {
    try {
      return decideCall(state, action, userId).status;
    } catch (error) {
      return (error as { extensions: { code: string } }).extensions.code;
    }
  };

  it.each<[CallStatus, CallAction, unknown, unknown]>([
    ['RINGING', 'accept', 'FORBIDDEN', 'ACCEPTED'],
    ['RINGING', 'reject', 'FORBIDDEN', 'REJECTED'],
    ['RINGING', 'end', 'ENDED', 'FORBIDDEN'],
    ['RINGING', 'offer', 'CONFLICT', 'CONFLICT'],
    ['RINGING', 'signal', 'CONFLICT', 'CONFLICT'],
    ['ACCEPTED', 'accept', 'CONFLICT', 'CONFLICT'],
    ['ACCEPTED', 'reject', 'CONFLICT', 'CONFLICT'],
    ['ACCEPTED', 'end', 'ENDED', 'ENDED'],
    ['ACCEPTED', 'offer', 'ACCEPTED', 'ACCEPTED'],
    ['ACCEPTED', 'answer', 'CONFLICT', 'CONFLICT'],
    ['ACCEPTED', 'signal', 'ACCEPTED', 'ACCEPTED'],
  ])('allows in %s to %s: caller %s, callee %s', (status, action, caller, callee) => {
    expect([codeOf(at(status), action, 'caller'), codeOf(at(status), action, 'callee')]).toEqual([caller, callee]);
  });

  it.each<CallStatus>(['REJECTED', 'ENDED', 'MISSED'])('allows nothing once it is %s', (status) => {
    for (const action of ['accept', 'reject', 'end', 'offer', 'answer', 'signal'] as const)
      for (const who of ['caller', 'callee']) expect(codeOf(at(status), action, who)).toBe('CONFLICT');
  });

  it('has one offer at a time, which the other one answers', () => {
    expect(decideCall(at('ACCEPTED'), 'offer', 'callee').offeredBy).toBe('callee');
    const offered = at('ACCEPTED', 'callee');
    expect(codeOf(offered, 'offer', 'caller')).toBe('CONFLICT');
    expect(codeOf(offered, 'answer', 'callee')).toBe('CONFLICT');
    expect(decideCall(offered, 'answer', 'caller').offeredBy).toBeNull();
    expect(decideCall(offered, 'signal', 'caller').offeredBy).toBe('callee');
    expect(decideCall(offered, 'end', 'caller').offeredBy).toBeNull();
  });
});

const events = createLocalEvents();
const [linus, grace, stranger] = [user(3), user(2), user(9)];
let database: TestDatabase;
let db: Database;
let instances: RunningSubgraph[];
let sockets: Client[];
let conversationId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
  const options = { databaseUrl: database.url, port: 0, identitySecret: TEST_SECRET, log: silentLog, events };
  instances = [
    await startSubgraph(createContentSubgraph(), options),
    await startSubgraph(createContentSubgraph(), options),
  ];
  sockets = instances.map(({ url }) => openSocket(url));
});

afterAll(async () => {
  await Promise.all(sockets.map((socket) => socket.dispose()));
  await Promise.all(instances.map((instance) => instance.close()));
  await db.close();
  await database.close();
});

beforeEach(async () => {
  const start = 'mutation ($input: StartConversationInput!) { it: startConversation(input: $input) { id } }';
  const input = { title: 'Call me', participantIds: [grace.id], message: 'Hello' };
  conversationId = (await ask(linus, start, { input })).data.it.id;
});

const SIGNALS = `subscription { it: callSignal {
  __typename call { id status caller { id } callee { id } conversation { title } } from { id }
  ... on CallOffer { offer: sdp } ... on CallAnswer { answer: sdp }
  ... on CallIceCandidate { candidate sdpMid sdpMLineIndex usernameFragment }
} }`;
const INITIATE = 'mutation ($input: CallInitiateInput!) { it: callInitiate(input: $input) { id status ringsUntil } }';
const step = (field: string) => `mutation ($id: ID!) { it: ${field}(id: $id) { id status answeredAt endedAt } }`;
const describeWith = (field: string) =>
  `mutation ($id: ID!, $sdp: String!) { it: ${field}(id: $id, sdp: $sdp) { status } }`;
const CANDIDATE =
  'mutation ($id: ID!, $input: IceCandidateInput!) { it: callIceCandidate(id: $id, input: $input) { id } }';

const ask = (caller: Caller, query: string, variables: Record<string, unknown> = {}, instance = 0) =>
  call(instances[instance]?.url ?? '', caller, query, variables);
const codeOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).errors?.[0]?.extensions.code;
const initiate = async (by = linus, to = grace, instance = 0): Promise<string> => {
  const input = { conversationId, calleeId: to.id, media: 'VIDEO' };
  return (await ask(by, INITIATE, { input }, instance)).data.it.id;
};
const listeners = (who: typeof linus) => events.listeners(`content:callSignal:${who.id}`);

/** Both, each at another instance. */
async function listen(): Promise<{ caller: Heard; callee: Heard }> {
  const caller = hear(sockets[0] as Client, linus, SIGNALS);
  const callee = hear(sockets[1] as Client, grace, SIGNALS);
  await until(() => listeners(linus) === 1 && listeners(grace) === 1);
  return { caller, callee };
}
const kinds = ({ events: told }: Heard) => told.map(({ it }) => it.__typename);

describe('a call', () => {
  it('rings, is accepted, is described and ends, and each hears of it what the other does', async () => {
    const { caller, callee } = await listen();
    const id = await initiate();
    await until(() => callee.events.length === 1);
    expect(callee.events[0].it).toEqual({
      __typename: 'CallIncoming',
      call: {
        id,
        status: 'RINGING',
        caller: { id: linus.id },
        callee: { id: grace.id },
        conversation: { title: 'Call me' },
      },
      from: { id: linus.id },
    });
    const accepted = (await ask(grace, step('callAccept'), { id }, 1)).data.it;
    expect(accepted).toMatchObject({ status: 'ACCEPTED', answeredAt: expect.stringMatching(/Z$/), endedAt: null });
    await until(() => caller.events.length === 1);
    await ask(linus, describeWith('callOffer'), { id, sdp: 'v=0 offer' });
    await until(() => callee.events.length === 3);
    await ask(grace, describeWith('callAnswer'), { id, sdp: 'v=0 answer' }, 1);
    const candidate = { candidate: 'candidate:1 1 udp', sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'x' };
    await until(() => caller.events.length === 2);
    await ask(grace, CANDIDATE, { id, input: candidate }, 1);
    await until(() => caller.events.length === 3);
    await ask(linus, CANDIDATE, { id, input: { candidate: '' } });
    const ended = (await ask(grace, step('callEnd'), { id }, 1)).data.it;
    expect(ended).toMatchObject({ status: 'ENDED', answeredAt: accepted.answeredAt });
    await until(() => caller.events.length === 4 && callee.events.length === 5);
    expect(kinds(caller)).toEqual(['CallAccepted', 'CallAnswer', 'CallIceCandidate', 'CallEnded']);
    expect(kinds(callee)).toEqual(['CallIncoming', 'CallAccepted', 'CallOffer', 'CallIceCandidate', 'CallEnded']);
    expect(caller.events[1].it.answer).toBe('v=0 answer');
    expect(callee.events[2].it.offer).toBe('v=0 offer');
    expect(caller.events[2].it).toMatchObject(candidate);
    expect(callee.events[3].it).toMatchObject({ candidate: '', sdpMid: null });
    caller.stop();
    callee.stop();
    await until(() => listeners(linus) === 0 && listeners(grace) === 0);
  });

  it('is rejected by the callee, whose other devices hear it', async () => {
    const { caller, callee } = await listen();
    const id = await initiate();
    await ask(grace, step('callReject'), { id });
    await until(() => caller.events.length === 1 && callee.events.length === 2);
    expect([kinds(caller), kinds(callee)]).toEqual([['CallRejected'], ['CallIncoming', 'CallRejected']]);
    caller.stop();
    callee.stop();
  });

  it('is not there for anybody but the two, and tells nobody else', async () => {
    const other = hear(sockets[0] as Client, stranger, SIGNALS);
    await until(() => listeners(stranger) === 1);
    const id = await initiate();
    const callOf = 'query ($id: ID!) { it: call(id: $id) { status } }';
    expect((await ask(linus, callOf, { id })).data.it).toEqual({ status: 'RINGING' });
    for (const who of [stranger, ada]) {
      expect((await ask(who, callOf, { id })).data.it).toBeNull();
      for (const field of ['callAccept', 'callReject', 'callEnd'])
        expect(await codeOf(who, step(field), { id })).toBe('NOT_FOUND');
      expect(await codeOf(who, describeWith('callOffer'), { id, sdp: 'v=0' })).toBe('NOT_FOUND');
      expect(await codeOf(who, CANDIDATE, { id, input: { candidate: 'x' } })).toBe('NOT_FOUND');
    }
    expect(await codeOf(nobody, step('callAccept'), { id })).toBe('UNAUTHENTICATED');
    const refused = hear(sockets[0] as Client, nobody, SIGNALS);
    await until(() => refused.hasEnded);
    expect(refused.errors.map(({ extensions }) => extensions?.code)).toEqual(['UNAUTHENTICATED']);
    await ask(grace, step('callReject'), { id });
    expect(other.events).toEqual([]);
    other.stop();
  });

  it('is with another participant alone', async () => {
    const input = (calleeId: string, conversation = conversationId) => ({
      input: { conversationId: conversation, calleeId, media: 'AUDIO' },
    });
    expect(await codeOf(linus, INITIATE, input(stranger.id))).toBe('BAD_USER_INPUT');
    expect(await codeOf(linus, INITIATE, input(linus.id))).toBe('BAD_USER_INPUT');
    expect(await codeOf(linus, INITIATE, input('no id'))).toBe('BAD_USER_INPUT');
    expect(await codeOf(stranger, INITIATE, input(grace.id))).toBe('NOT_FOUND');
    expect(await codeOf(linus, INITIATE, input(grace.id, 'no id'))).toBe('NOT_FOUND');
  });

  it('is one when both call each other at once, at two instances', async () => {
    const input = (callee: typeof linus) => ({ input: { conversationId, calleeId: callee.id, media: 'AUDIO' } });
    const answers = await Promise.all([
      ask(linus, INITIATE, input(grace), 0),
      ask(grace, INITIATE, input(linus), 1),
      ask(linus, INITIATE, input(grace), 1),
    ]);
    const started = answers.flatMap(({ data }) => (data?.it ? [data.it.id] : []));
    expect(started).toHaveLength(1);
    const refused = answers.flatMap(({ errors }) => errors ?? []);
    expect(refused.map(({ extensions }) => [extensions.code, extensions.callId])).toEqual([
      ['CONFLICT', started[0]],
      ['CONFLICT', started[0]],
    ]);
  });

  it('is answered once when two devices answer at once', async () => {
    const id = await initiate();
    const answers = await Promise.all([
      ask(grace, step('callAccept'), { id }, 0),
      ask(grace, step('callReject'), { id }, 1),
    ]);
    expect(answers.filter(({ errors }) => errors === undefined)).toHaveLength(1);
    expect(answers.flatMap(({ errors }) => errors ?? []).map(({ extensions }) => extensions.code)).toEqual([
      'CONFLICT',
    ]);
  });

  it('that nobody answered in time is missed, and makes room for another', async () => {
    const id = await initiate();
    await db.query("update calls set rings_until = now() - interval '1 second' where id = $1", [id]);
    const refused = await ask(grace, step('callAccept'), { id });
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', status: 'MISSED' });
    expect(await initiate(grace, linus, 1)).not.toBe(id);
  });

  it('takes no texts of any length', async () => {
    const id = await initiate();
    await ask(grace, step('callAccept'), { id });
    expect(await codeOf(linus, describeWith('callOffer'), { id, sdp: 'x'.repeat(65_537) })).toBe('BAD_USER_INPUT');
    expect(await codeOf(linus, describeWith('callOffer'), { id, sdp: ' ' })).toBe('BAD_USER_INPUT');
    const input = { candidate: 'x', sdpMid: 'x'.repeat(2_001) };
    expect(await codeOf(linus, CANDIDATE, { id, input })).toBe('BAD_USER_INPUT');
  });
});
