/**
 * Rate limits as a client meets them, counted in memory. Real: composition, planner, pipeline, subgraphs over HTTP.
 * Each test asks for somebody of its own, so that none meets the counters of another.
 */
import type { Identity } from '../../src/context/request-context';
import { someone } from '../support/identities';
import { type Caller, type LimitedGraph, startLimitedGraph } from './rate-limit-graph';

jest.setTimeout(30_000);

let graph: LimitedGraph;
let people = 0;

beforeAll(async () => {
  graph = await startLimitedGraph({
    config: {
      rateLimits: {
        tiers: { login: { max: 3, window: '15m' }, codes: { max: 2, window: '1h' } },
        overrides: { gold: { login: { max: 5 } } },
        rules: [
          { name: 'named', operation: 'Named', max: 2, window: '1h' },
          { name: 'codes-asked', operation: 'Codes', tier: 'codes' },
        ],
      },
    },
  });
});
afterAll(() => graph.close());
beforeEach(() => {
  people += 1;
  graph.resolved.clear();
});

const newcomer = (
  rights: Partial<Omit<Extract<Identity, { kind: 'authenticated' }>, 'kind'>> = {},
): Partial<Caller> => {
  people += 1;
  return { identity: someone({ subject: `p${people}`, ...rights }) };
};

describe('a limited field', () => {
  it('is null with an error beside the others when its limit is reached, and is not fetched', async () => {
    const who = newcomer();
    for (let time = 0; time < 2; time++) expect((await graph.as(who, '{ twice free }')).result.errors).toBeUndefined();
    const { result } = await graph.as(who, '{ twice free }');
    expect(JSON.parse(JSON.stringify(result))).toEqual({
      data: { twice: null, free: 1 },
      errors: [
        {
          message: 'Too many requests: "Query.twice" allows 2 in 3600 s. Try again in 3600 s.',
          locations: undefined,
          path: ['twice'],
          extensions: { code: 'REQUEST_RATE_LIMITED', policy: 'Query.twice', retryAfterSeconds: 3600 },
        },
      ].map(({ locations: _locations, ...error }) => expect.objectContaining(error)),
    });
    expect(graph.resolved.get('twice')).toBe(2);
  });

  it('refuses the operation when nothing else is asked', async () => {
    const who = newcomer();
    await graph.as(who, '{ a: twice b: twice }');
    const { result, refused } = await graph.as(who, '{ twice __typename }');
    expect(result.data).toBeUndefined();
    expect(refused).toEqual(['twice']);
  });

  it('counts each alias, and refuses those that are too many', async () => {
    const { result, refused } = await graph.as(newcomer(), '{ a: twice b: twice c: twice d: twice free }');
    expect(result.data).toEqual({ a: 1, b: 1, c: null, d: null, free: 1 });
    expect(refused).toEqual(['c', 'd']);
  });

  it('counts a field once that is selected twice, and not at all when it is skipped', async () => {
    const who = newcomer();
    const query = 'query($skip: Boolean!) { twice ...F free } fragment F on Query { twice a: twice @skip(if: $skip) }';
    expect((await graph.as(who, query, { skip: true })).refused).toEqual([]);
    expect((await graph.as(who, query, { skip: false })).refused).toEqual(['a']);
  });

  it('counts fragments at both of the places where they are spread', async () => {
    const query = '{ a: me { ...F } b: me { ...F } } fragment F on Person { id name }';
    const { result } = await graph.as(newcomer(), query);
    expect(result.data).toEqual({ a: { id: 'm', name: null }, b: { id: 'm', name: null } });
  });

  it('charges nothing for an operation that is refused as a whole', async () => {
    const who = newcomer();
    // `sure` may not be null: without it there is no answer.
    expect((await graph.as(who, '{ a: thrice b: thrice c: sure d: sure e: sure }')).result.data).toBeUndefined();
    const { result } = await graph.as(who, '{ a: thrice b: thrice c: thrice d: sure e: sure }');
    expect(result).toEqual({ data: { a: 1, b: 1, c: 1, d: 1, e: 1 } });
  });

  it('charges nothing where authorization refuses', async () => {
    const clientAddress = '192.0.2.77';
    for (let time = 0; time < 3; time++) {
      const { codes } = await graph.as({ clientAddress }, '{ guarded free }');
      expect(codes).toEqual(['UNAUTHORIZED_FIELD_OR_TYPE']);
    }
    const who = { ...newcomer(), clientAddress };
    expect((await graph.as(who, '{ guarded }')).result.errors).toBeUndefined();
    expect((await graph.as(who, '{ guarded }')).refused).toEqual(['guarded']);
  });

  it('charges nothing for what cannot be answered at all', async () => {
    const who = newcomer();
    const query = 'query($id: ID!) { byArgument(id: $id) }';
    expect((await graph.as(who, query, {})).codes).toEqual(['BAD_USER_INPUT']);
    expect((await graph.as(who, query, { id: 'x' })).result.errors).toBeUndefined();
  });
});

describe('the arguments of @rateLimit', () => {
  it('identityArgs: equal values share a counter, however they are written', async () => {
    const who = newcomer();
    const first = await graph.as(who, 'query($i: Lookup, $id: ID) { byArgument(input: $i, id: $id) }', {
      i: { tags: ['a'], email: 'a:b' },
      id: 7,
    });
    expect(first.refused).toEqual([]);
    expect((await graph.as(who, '{ byArgument(id: "7", input: { email: "a:b" }) }')).refused).toEqual(['byArgument']);
    expect((await graph.as(who, '{ byArgument(id: 7, input: { email: "a:b", tags: [] }) }')).refused).toHaveLength(1);
  });

  it('identityArgs: different values never share one', async () => {
    const who = newcomer();
    const pairs = [
      ['a', 'b'],
      ['a:b', ''],
      ['', 'a:b'],
      ['a","b', ''],
      ['a\u0000b', ''],
      ['a|b', ''],
      [null, 'a'],
      ['null', 'a'],
      ['x'.repeat(500), ''],
      [`${'x'.repeat(499)}y`, ''],
    ];
    for (const [email, id] of pairs) {
      const answered = await graph.as(who, 'query($e: String, $id: ID) { byArgument(input: { email: $e }, id: $id) }', {
        e: email,
        id,
      });
      expect({ email, id, refused: answered.refused }).toEqual({ email, id, refused: [] });
    }
  });

  it('arrayLengthField: a call counts as often as its list is long, at least once', async () => {
    const who = newcomer();
    const query = 'query($ids: [ID!]) { list(ids: $ids) }';
    expect((await graph.as(who, query, { ids: ['1', '2', '3'] })).refused).toEqual([]);
    expect((await graph.as(who, query, { ids: ['1', '2', '3'] })).refused).toEqual(['list']);
    expect((await graph.as(who, query, { ids: [] })).refused).toEqual([]);
    expect((await graph.as(who, '{ list(ids: "1") }')).refused).toEqual([]);
    expect((await graph.as(who, query)).refused).toEqual(['list']);
  });

  it('arrayLengthField: a list that is longer than the limit never passes', async () => {
    const { result } = await graph.as(newcomer(), '{ list(ids: [1, 2, 3, 4, 5, 6]) }');
    expect(result.errors?.[0]?.extensions.retryAfterSeconds).toBe(3600);
  });

  it('by: one counter for all, for an address, for an API key', async () => {
    expect((await graph.as(newcomer(), '{ everybody }')).refused).toEqual([]);
    expect((await graph.as(newcomer(), '{ everybody }')).refused).toEqual([]);
    expect((await graph.as(newcomer(), '{ everybody }')).refused).toEqual(['everybody']);

    const at = (clientAddress: string) => graph.as({ ...newcomer(), clientAddress }, '{ address }');
    expect((await at('2001:db8:1:2::1')).refused).toEqual([]);
    expect((await at('2001:DB8:1:2:ffff::9')).refused).toEqual(['address']);
    expect((await at('2001:db8:1:3::1')).refused).toEqual([]);
    expect((await at('198.51.100.4')).refused).toEqual([]);
    expect((await at('::ffff:198.51.100.4')).refused).toEqual(['address']);

    const key = { credential: { kind: 'apiKey', id: 'k1' } } as const;
    expect((await graph.as(newcomer(), '{ keys k: keys }')).refused).toEqual([]);
    expect((await graph.as(newcomer(key), '{ keys }')).refused).toEqual([]);
    expect((await graph.as(newcomer(key), '{ keys }')).refused).toEqual(['keys']);
  });

  it('by: callers without an identity are counted by their address, never as one', async () => {
    expect((await graph.as({ clientAddress: '203.0.113.1' }, '{ a: twice b: twice }')).refused).toEqual([]);
    expect((await graph.as({ clientAddress: '203.0.113.1' }, '{ twice }')).refused).toEqual(['twice']);
    expect((await graph.as({ clientAddress: '203.0.113.2' }, '{ twice }')).refused).toEqual([]);
  });

  it('by: identities differ by issuer as well', async () => {
    const subject = `shared${people}`;
    const of = (issuer: string) => ({ identity: someone({ subject, issuer }) });
    await graph.as(of('https://a.example'), '{ a: twice b: twice }');
    expect((await graph.as(of('https://b.example'), '{ a: twice b: twice }')).refused).toEqual([]);
    expect((await graph.as(of('https://a.example'), '{ twice }')).refused).toEqual(['twice']);
  });

  it('tier: fields of one tier draw from one budget, with the words of each', async () => {
    const who = newcomer();
    await graph.as(who, 'mutation { login(email: "a") refresh }');
    await graph.as(who, 'mutation { refresh }');
    const { result } = await graph.as(who, 'mutation { login(email: "b") }');
    expect(result.errors?.[0]?.message).toBe('Too many attempts.');
    expect(result.errors?.[0]?.extensions.policy).toBe('login');
  });

  it('tier: who has paid for more gets more', async () => {
    const aliases = 'a: refresh b: refresh c: refresh d: refresh e: refresh';
    const gold = newcomer({ tier: 'gold' });
    expect((await graph.as(gold, `mutation { ${aliases} }`)).refused).toEqual([]);
    expect((await graph.as(gold, 'mutation { refresh }')).refused).toEqual(['refresh']);
    expect((await graph.as(newcomer({ tier: '__proto__' }), `mutation { ${aliases} }`)).refused).toEqual(['d', 'e']);
  });

  it('readOnly: must fit, and counts nothing', async () => {
    const who = newcomer();
    for (let time = 0; time < 5; time++) expect((await graph.as(who, '{ peek }')).refused).toEqual([]);
    await graph.as(who, 'query Codes { free }');
    await graph.as(who, 'query Codes { free }');
    expect((await graph.as(who, '{ peek }')).refused).toEqual(['peek']);
  });
});

describe('a limited type', () => {
  it('counts what can answer with it, through interfaces and unions as well', async () => {
    const queries = [
      '{ report { id } }',
      '{ node { id } }',
      '{ node { ... on Report { text } } }',
      '{ anything { ... on Report { id } } }',
    ];
    for (const query of queries) {
      const who = newcomer();
      await graph.as(who, '{ report { text } }');
      expect({ query, refused: (await graph.as(who, query)).refused.length }).toEqual({ query, refused: 1 });
    }
  });

  it('does not count where nothing of it is asked', async () => {
    const who = newcomer();
    await graph.as(who, '{ report { text } }');
    expect((await graph.as(who, '{ node { __typename } anything { ... on Note { id } } }')).refused).toEqual([]);
  });
});

describe('a limit of an operation', () => {
  it('refuses the whole of it', async () => {
    const who = newcomer();
    const ask = () => graph.as(who, 'query Named { free }');
    expect((await ask()).result.errors).toBeUndefined();
    expect((await ask()).result.errors).toBeUndefined();
    const { result, refused } = await ask();
    expect(refused).toEqual(['operation']);
    expect(result.data).toBeUndefined();
    expect((await graph.as(who, 'query Other { free }')).refused).toEqual([]);
  });

  it('is not spent by an operation of which no field may run', async () => {
    const who = newcomer();
    await graph.as(who, 'query Setup { a: twice b: twice }');
    for (let time = 0; time < 3; time++) {
      expect((await graph.as(who, 'query Named { twice }')).refused).toEqual(['twice']);
    }
    expect((await graph.as(who, 'query Named { a: free }')).refused).toEqual([]);
    expect((await graph.as(who, 'query Named { a: free }')).refused).toEqual([]);
    expect((await graph.as(who, 'query Named { a: free }')).refused).toEqual(['operation']);
  });
});

describe('what is told', () => {
  it('has one quota for each rule that the operation met', async () => {
    const who = newcomer();
    const { context } = await graph.as(who, 'query Named { a: twice b: thrice c: thrice }');
    expect(context.told?.rateLimits?.retryAfterMs).toBeUndefined();
    expect(context.told?.rateLimits?.quotas).toEqual([
      { name: 'named', max: 2, windowMs: 3_600_000, remaining: 1, resetMs: 3_600_000 },
      { name: 'Query.twice', max: 2, windowMs: 3_600_000, remaining: 1, resetMs: 3_600_000 },
      { name: 'Query.thrice', max: 3, windowMs: 3_600_000, remaining: 1, resetMs: 3_600_000 },
    ]);
  });

  it('is nothing for an operation without rules', async () => {
    const { context } = await graph.as(newcomer(), '{ free me { id } }');
    expect(context.told?.rateLimits).toBeUndefined();
  });
});

describe('onRefusal: reject', () => {
  it('refuses the operation for one field, and charges nothing', async () => {
    const strict = await startLimitedGraph({ config: { rateLimits: { onRefusal: 'reject' } } });
    try {
      const who = newcomer();
      const { result, refused } = await strict.as(who, '{ a: twice b: twice c: twice free }');
      expect(result.data).toBeUndefined();
      expect(refused).toEqual(['c']);
      expect((await strict.as(who, '{ a: twice b: twice free }')).result.errors).toBeUndefined();
    } finally {
      await strict.close();
    }
  });
});
