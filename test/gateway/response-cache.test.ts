/**
 * Answers that are given again, in memory and in Redis alike. Real: composition, planner, pipeline, subgraphs over HTTP,
 * a redis-server of the test's own. Observed: answers, how often subgraphs were asked, and what the cache says it did.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Identity } from '../../src/context/request-context';
import { someone } from '../support/identities';
import { describeWithRedis, startOwnRedis } from '../support/redis';
import { ask, type CachedGraph, startCachedGraph } from './cached-graph';

jest.setTimeout(60_000);

const ann = someone({ subject: 'ann' });
const bob = someone({ subject: 'bob' });

describe('in memory', () => behaves(() => ({})));

describeWithRedis('in Redis', () => {
  let redis: Awaited<ReturnType<typeof startOwnRedis>>;
  let turn = 0;
  beforeAll(async () => {
    redis = await startOwnRedis();
  });
  afterAll(() => redis.close());

  const shared = (namespace: string) => ({ redis: { url: redis.url, timeoutMs: 2_000 }, cache: { namespace } });

  behaves(() => {
    turn += 1;
    return shared(`behaves${turn}`);
  });

  describe('two gateways', () => {
    let one: CachedGraph;
    let other: CachedGraph;
    beforeAll(async () => {
      const { cache, ...config } = shared('two');
      one = await startCachedGraph({ ...config, cache: { ...cache, answers: 'public' } });
      other = await startCachedGraph({ ...config, cache: { ...cache, answers: 'public' } }, {}, one);
    });
    afterAll(async () => {
      await other.close();
      await one.close();
    });

    it('share answers, and what a mutation at the one made old', async () => {
      const query = '{ post(id: "t") { id title } }';
      expect((await one.ask(query)).data).toEqual({ post: { id: 't', title: 't v0' } });
      await settled(one, query);
      expect((await other.ask(query)).data).toEqual({ post: { id: 't', title: 't v0' } });
      expect(other.outcomes).toContain('hit');
      await other.ask('mutation { editPost(id: "t") { id } }');
      expect((await one.ask(query)).data).toEqual({ post: { id: 't', title: 't v1' } });
    });
  });

  it('that is gone keeps nobody waiting, and gives nothing old when it is back', async () => {
    const own = await startOwnRedis();
    const graph = await startCachedGraph({ redis: { url: own.url, timeoutMs: 2_000 }, cache: { answers: 'public' } });
    const query = '{ post(id: "r") { id title } }';
    try {
      await graph.ask(query);
      await settled(graph, query);
      own.process.kill('SIGSTOP');
      // The first one finds out, within the time of one answer; the others do not wait at all.
      await graph.ask(query);
      graph.outcomes.length = 0;
      const resolved = graph.resolved.get('post') ?? 0;
      await graph.ask(query);
      expect(graph.outcomes).toEqual(['unavailable']);
      expect(graph.resolved.get('post')).toBe(resolved + 1);
      await graph.ask('mutation { editPost(id: "r") { id } }');
      own.process.kill('SIGCONT');
      while (graph.gateway.redisStatus !== 'up') await nextTurn();
      expect((await graph.ask(query)).data).toEqual({ post: { id: 'r', title: 'r v1' } });
    } finally {
      await graph.close();
      await own.close();
    }
  });
});

/** Writes to Redis are not waited for: asks until the answer is there. */
async function settled(graph: CachedGraph, query: string, caller = {}): Promise<void> {
  graph.outcomes.length = 0;
  while (!graph.outcomes.includes('hit')) await graph.ask(query, caller);
  graph.outcomes.length = 0;
}

function behaves(store: () => Readonly<Record<string, object>>): void {
  let graph: CachedGraph;
  let text = 0;

  const start = (cache: object = {}, rest: object = {}) => {
    const { cache: own = {}, ...config } = store();
    return startCachedGraph({ ...config, ...rest, cache: { answers: 'private', ...own, ...cache } });
  };
  beforeAll(async () => {
    graph = await start({ maxAnswerBytes: 4_000, invalidations: { touch: ['Post:{id}'] } });
  });
  afterAll(() => graph.close());
  beforeEach(() => {
    text += 1;
    graph.gate = Promise.resolve();
    graph.resolved.clear();
    graph.outcomes.length = 0;
  });

  const titleOf = async (id: string) =>
    ((await graph.ask(`{ post(id: "${id}") { id title } }`)).data as { post: { title: string } }).post.title;
  const kept = async (query: string, caller = {}) => {
    await graph.ask(query, caller);
    await settled(graph, query, caller);
    graph.resolved.clear();
  };

  it('gives an answer again to everybody, and asks no subgraph', async () => {
    const query = '{ count posts { id title } }';
    const first = await graph.ask(query);
    await kept(query);
    const again = await graph.ask(query, { identity: ann });
    expect(again.data).toEqual(first.data);
    expect(again.age).toBe('public 30');
    expect(graph.resolved.size).toBe(0);
    expect(again.context.calls.count).toBe(0);
  });

  it('tells apart variables, operations and headers that subgraphs get, but not how a document is written', async () => {
    const query = 'query($t: String, $n: Int) { echo(text: $t, number: $n) }';
    const echo = async (variables: object, headers = {}) =>
      (await graph.ask(query, { variables: variables as never, headers })).data;
    expect(await echo({ t: `a${text}`, n: 1 })).toEqual({ echo: `a${text} 1` });
    expect(await echo({ t: `a${text}` })).toEqual({ echo: `a${text} undefined` });
    expect(await echo({ t: `a${text}`, n: null })).toEqual({ echo: `a${text} null` });
    expect(await echo({ t: `a${text} 1` })).toEqual({ echo: `a${text} 1 undefined` });
    await settled(graph, query, { variables: { t: `a${text}`, n: 1 } });
    graph.resolved.clear();
    expect(await echo({ n: 1, t: `a${text}` })).toEqual({ echo: `a${text} 1` });
    expect(graph.resolved.size).toBe(0);
    await echo({ t: `a${text}`, n: 1 }, { 'accept-language': 'de' });
    expect(graph.resolved.get('echo')).toBe(1);
    await kept('{ count }');
    await graph.ask('# a comment\n{\n  count # another\n}');
    expect(graph.resolved.size).toBe(0);
  });

  it('keeps apart what is private: two people in turn, many times, and somebody with fewer rights', async () => {
    const query = '{ mine { id secret } }';
    const secret = async (identity: Identity) =>
      ((await graph.ask(query, { identity })).data as { mine: { secret: number } }).mine.secret;
    const [hers, his] = [await secret(ann), await secret(bob)];
    await settled(graph, query, { identity: ann });
    await settled(graph, query, { identity: bob });
    expect(hers).not.toBe(his);
    for (let time = 0; time < 20; time++) {
      expect([await secret(ann), await secret(bob)]).toEqual([hers, his]);
    }
    // A new token of the same person finds it, one with other rights or of another issuer does not.
    expect(await secret(someone({ subject: 'ann', claims: { iat: 5, exp: 9, jti: 'x' } }))).toBe(hers);
    expect(await secret(someone({ subject: 'ann', roles: ['ADMIN'] }))).not.toBe(hers);
    expect(await secret(someone({ subject: 'ann', issuer: 'https://other' }))).not.toBe(hers);
  });

  it('keeps nothing private of nobody in particular, nor of a credential that is passed on', async () => {
    await graph.ask('{ mine { secret } }');
    await graph.ask('{ mine { secret } }');
    await graph.ask('{ mine { id } }', { headers: { authorization: 'Bearer a' } });
    await graph.ask('{ mine { id } }', { headers: { authorization: 'Bearer a' } });
    expect(graph.resolved.get('mine')).toBe(4);
    expect(graph.outcomes).toEqual([]);
  });

  it('decides on rights before it looks: who may not read is not given what was kept', async () => {
    await kept('{ guarded }', { identity: ann });
    expect(await graph.ask('{ guarded }')).toMatchObject({
      data: { guarded: null },
      codes: ['UNAUTHORIZED_FIELD_OR_TYPE'],
    });
    expect((await graph.ask('{ guarded }', { identity: ann })).codes).toEqual([]);
    expect(graph.resolved.size).toBe(0);
  });

  it('keeps no errors, no mutations, nothing of the schema, and nothing that is told of one request', async () => {
    for (let time = 1; time <= 2; time++) {
      expect((await graph.ask('{ failing count }')).codes).toHaveLength(1);
      expect(graph.resolved.get('failing')).toBe(time);
      await graph.ask('{ count __schema { queryType { name } } }');
      await graph.ask('{ late { x } }');
      expect(graph.resolved.get('late')).toBe(time);
    }
  });

  it('keeps no answer that is too long', async () => {
    await graph.ask('{ long }');
    await graph.ask('{ long }');
    expect(graph.resolved.get('long')).toBe(2);
  });

  it('asks once for a hundred that ask the same at once, whoever they are', async () => {
    let open = () => {};
    graph.gate = new Promise((resolve) => {
      open = resolve;
    });
    const query = `{ echo(text: "many${text}") }`;
    const asked = Array.from({ length: 100 }, (_, index) =>
      graph.ask(query, { identity: someone({ subject: `p${index}` }) }),
    );
    while (graph.outcomes.length < 100) await nextTurn();
    await waitFor(() => graph.resolved.get('echo') === 1);
    open();
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ data }) => JSON.stringify(data))).size).toBe(1);
    expect(graph.resolved.get('echo')).toBe(1);
  });

  it('is not kept by somebody who asked before a mutation, and answered after it', async () => {
    let open = () => {};
    graph.gate = new Promise((resolve) => {
      open = resolve;
    });
    const id = `race${text}`;
    const early = graph.ask(`{ post(id: "${id}") { id title } }`);
    await waitFor(() => graph.resolved.get('post') === 1);
    graph.gate = Promise.resolve();
    await graph.ask(`mutation { editPost(id: "${id}") { id } }`);
    // Who asks after it does not join who asked before.
    expect(await titleOf(id)).toBe(`${id} v1`);
    open();
    await early;
    expect(await titleOf(id)).toBe(`${id} v1`);
  });

  it('makes old what a mutation answers, and lists of its kind, but not another one', async () => {
    const [edited, other] = [`e${text}`, `o${text}`];
    await kept(`{ post(id: "${edited}") { id title } }`);
    await kept(`{ post(id: "${other}") { id title } }`);
    await kept('{ posts { title } }');
    await graph.ask(`mutation { editPost(id: "${edited}") { id } }`);
    expect(await titleOf(edited)).toBe(`${edited} v1`);
    await graph.ask('{ posts { title } }');
    expect([graph.resolved.get('post'), graph.resolved.get('posts')]).toEqual([1, 1]);
    await titleOf(other);
    expect(graph.resolved.get('post')).toBe(1);
  });

  it('makes old what does not show which it holds, and what was not there', async () => {
    await kept(`{ post(id: "h${text}") { title } }`);
    await kept(`{ post(id: "absent") { id } }`);
    await graph.ask(`mutation { editPost(id: "h${text}") { id } }`);
    expect((await graph.ask(`{ post(id: "h${text}") { title } }`)).data).toEqual({ post: { title: `h${text} v1` } });
    await graph.ask(`{ post(id: "absent") { id } }`);
    expect(graph.resolved.get('post')).toBe(2);
  });

  it('makes old all of a kind after a mutation that does not show which it changed', async () => {
    await kept(`{ post(id: "k${text}") { id title } }`);
    await graph.ask(`mutation { editPost(id: "k${text}") { title } }`);
    expect(await titleOf(`k${text}`)).toBe(`k${text} v1`);
  });

  it('makes old what the configuration says, with the arguments of the mutation', async () => {
    const [touched, other] = [`t${text}`, `u${text}`];
    await kept(`{ post(id: "${touched}") { id title } }`);
    await kept(`{ post(id: "${other}") { id title } }`);
    await graph.ask('mutation($id: ID!) { touch(id: $id) }', { variables: { id: touched } });
    expect(await titleOf(touched)).toBe(`${touched} v1`);
    await titleOf(other);
    expect(graph.resolved.get('post')).toBe(1);
  });

  it('makes nothing old when a mutation is refused', async () => {
    await kept(`{ post(id: "n${text}") { id title } }`);
    expect((await graph.ask('mutation { refused { title } }')).codes).toHaveLength(1);
    await titleOf(`n${text}`);
    expect(graph.resolved.size).toBe(0);
  });

  it('makes old by tag: one, a kind, all', async () => {
    const query = `{ post(id: "m${text}") { id title } }`;
    for (const tags of [[`Post:m${text}`], ['Post'], ['*']]) {
      await kept(query);
      await kept('{ count }');
      await graph.gateway.invalidate(tags);
      await graph.ask(query);
      await graph.ask('{ count }');
      expect([tags, graph.resolved.get('post'), graph.resolved.get('count')]).toEqual([
        tags,
        1,
        tags[0] === '*' ? 1 : undefined,
      ]);
    }
    await kept(query);
    await graph.gateway.invalidate(['Post:somebody-else', 'Author', 'nothing']);
    await graph.ask(query);
    expect(graph.resolved.size).toBe(0);
  });

  it('gives nothing of an earlier supergraph', async () => {
    const reloaded = await start();
    try {
      const query = '{ count stats { a } }';
      await reloaded.ask(query);
      await settled(reloaded, query);
      await reloaded.gateway.update(reloaded.supergraphSdl.replace('d: Int', 'e: Int\n  d: Int'));
      const before = reloaded.resolved.get('count') ?? 0;
      await ask(reloaded.gateway, query);
      expect(reloaded.resolved.get('count')).toBe(before + 1);
    } finally {
      await reloaded.close();
    }
  });

  it('is charged like any other request', async () => {
    const rules = [{ name: 'few', max: 2, window: '1h' }];
    const limited = await start({}, { rateLimits: { namespace: `cache${Math.random()}`, rules } });
    try {
      for (let time = 0; time < 2; time++)
        expect((await limited.ask('{ count }', { identity: ann })).codes).toEqual([]);
      expect((await limited.ask('{ count }', { identity: ann })).codes).toEqual(['REQUEST_RATE_LIMITED']);
    } finally {
      await limited.close();
    }
  });

  it('is kept for everybody alone where that is said, or for nobody', async () => {
    const publicly = await start({ answers: 'public' });
    const never = await start({ answers: 'none' });
    try {
      for (let time = 0; time < 2; time++) {
        await publicly.ask('{ mine { secret } }', { identity: ann });
        expect((await never.ask('{ count }')).age).toBe('public 120');
      }
      await publicly.ask('{ count }');
      await settled(publicly, '{ count }');
      expect([publicly.resolved.get('mine'), never.resolved.get('count')]).toEqual([2, 2]);
      expect(never.outcomes).toEqual([]);
    } finally {
      await publicly.close();
      await never.close();
    }
  });
}

async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn();
}
