import { createConfig } from '../../src/config';
import type { OperationKind } from '../../src/config/headers';
import { compileClientHeaders, compileHeaderCollector, mayQueriesSetCookies } from '../../src/context/client-headers';

const rulesOf = (responses: object[]) => createConfig({ headers: { responses: responses as never } }).headers.responses;

interface Given {
  readonly lines: readonly string[];
  readonly subgraph?: string;
  readonly kind?: OperationKind;
}

/** What a client gets of these answers of subgraphs, in their order. */
function told(responses: object[], answers: readonly Given[], { isPrivate = false, failed = false } = {}) {
  const rules = rulesOf(responses);
  const headers = compileClientHeaders(rules)?.(isPrivate);
  if (headers === undefined) throw new Error('nothing is collected');
  for (const { lines, subgraph = 'users', kind = 'query' } of answers) {
    const collector = compileHeaderCollector(rules, subgraph, kind);
    const kept = lines.flatMap((name, index) =>
      index % 2 === 0 && collector?.keeps(name) ? [name, lines[index + 1] ?? ''] : [],
    );
    collector?.collect(headers, kept);
  }
  return headers.list(failed);
}

describe('headers of subgraphs for clients', () => {
  it('are those that rules name: the last, the first, or all', () => {
    const answers = [
      { lines: ['x-a', '1', 'x-b', '1', 'x-c', '1', 'x-d', '1'] },
      { lines: ['x-a', '2', 'x-b', '2', 'x-c', '2'] },
    ];
    const rules = [
      { propagate: ['x-a'] },
      { propagate: ['x-b'], merge: 'first' },
      { propagate: ['x-c'], merge: 'append' },
    ];
    expect(told(rules, answers)).toEqual(['x-a', '2', 'x-b', '1', 'x-c', '1, 2']);
  });

  it('are renamed, set, and taken back, by subgraph and kind of operation', () => {
    const rules = [
      { propagate: ['x-*'], subgraphs: ['users'], operations: ['query'] },
      { remove: ['x-internal-*'] },
      { propagate: ['etag'], as: 'x-users-etag' },
      { set: 'x-region', value: 'eu-1' },
    ];
    const lines = ['x-a', '1', 'x-internal-host', '10.0.0.7', 'etag', '"e"'];
    expect(told(rules, [{ lines }])).toEqual(['x-region', 'eu-1', 'x-a', '1', 'x-users-etag', '"e"']);
    expect(told(rules, [{ lines, kind: 'mutation' }])).toEqual(['x-region', 'eu-1', 'x-users-etag', '"e"']);
    expect(told(rules, [{ lines: ['x-a', '1'], subgraph: 'carts' }])).toEqual(['x-region', 'eu-1']);
  });

  it('are never those of a connection or of the gateway, whatever the pattern', () => {
    const lines = [
      'connection',
      'close',
      'content-length',
      '1',
      'content-type',
      'a/b',
      'date',
      'x',
      'retry-after',
      '1',
    ];
    const more = ['access-control-allow-origin', '*', 'x-request-id', '1', 'supergate-identity', 'a', 'x-a', '1'];
    expect(told([{ propagate: ['*'] }, { remove: ['cache-control'] }], [{ lines: [...lines, ...more] }])).toEqual([
      'x-a',
      '1',
    ]);
  });

  it('do not let a line through that could be two, and no more lines than fit', () => {
    expect(told([{ propagate: ['x-a'] }], [{ lines: ['x-a', 'b\r\nset-cookie: c=1'] }])).toEqual([]);
    const lines = Array.from({ length: 500 }, (_, index) => ['set-cookie', `c${index}=1`]).flat();
    expect(told([{ propagate: ['set-cookie'] }], [{ lines }])).toHaveLength(100);
  });

  it('keep each cookie on a line of its own', () => {
    const answers = [{ lines: ['set-cookie', 'a=1; Path=/', 'set-cookie', 'b=2'] }, { lines: ['set-cookie', 'c=3'] }];
    expect(told([{ propagate: ['set-cookie'] }], answers)).toEqual([
      ...['set-cookie', 'a=1; Path=/'],
      ...['set-cookie', 'b=2'],
      ...['set-cookie', 'c=3'],
    ]);
  });

  it.each([
    [['public, max-age=60'], 'public, max-age=60'],
    [['public, max-age=60', 'max-age=10, must-revalidate'], 'max-age=10, must-revalidate'],
    [['public, max-age=60', 'private, max-age=90'], 'private, max-age=60'],
    [['public, max-age=60, s-maxage=600', 'public, max-age=30'], 'public, max-age=30, s-maxage=30'],
    [['max-age=60', 'no-cache'], 'no-cache, max-age=0'],
    [['max-age=60', 'no-store, max-age=60'], 'no-store'],
    [['max-age=60', undefined], 'no-store'],
    [['max-age="7"'], 'max-age=7'],
    [['nonsense=1'], 'no-cache, max-age=0'],
  ])('tell caches what the most restrictive subgraph says: %j', (values, expected) => {
    const answers = values.map((value) => ({ lines: value === undefined ? [] : ['cache-control', value] }));
    expect(told([{ propagate: ['cache-control'] }], answers)).toEqual(['cache-control', expected]);
  });

  it('let no shared cache keep what is for somebody, nor any what has errors or comes of a mutation', () => {
    const rules = [{ propagate: ['cache-control'] }];
    const answers = [{ lines: ['cache-control', 'public, max-age=60, s-maxage=60'] }];
    expect(told(rules, answers, { isPrivate: true })).toEqual(['cache-control', 'private, max-age=60']);
    expect(told(rules, answers, { failed: true })).toEqual([]);
    expect(told(rules, [{ ...answers[0]!, kind: 'mutation' }])).toEqual(['cache-control', 'no-store']);
    expect(told(rules, [])).toEqual([]);
  });

  it('forbid clients to share an answer that may set cookies', () => {
    expect(mayQueriesSetCookies(rulesOf([{ propagate: ['set-cookie'] }]))).toBe(true);
    expect(mayQueriesSetCookies(rulesOf([{ propagate: ['set-*'] }]), 'users')).toBe(true);
    expect(mayQueriesSetCookies(rulesOf([{ propagate: ['set-cookie'], operations: ['mutation'] }]))).toBe(false);
    expect(mayQueriesSetCookies(rulesOf([{ propagate: ['set-cookie'], subgraphs: ['users'] }]), 'carts')).toBe(false);
    expect(mayQueriesSetCookies(rulesOf([{ propagate: ['x-*'] }]))).toBe(false);
  });
});
