import { readPage, toConnection } from '../../subgraphs/shared/connection';

const kinds = ['timestamp', 'uuid'] as const;
const id = '00000000-0000-4000-8000-000000000001';
const at = new Date('2026-11-21T02:10:00.123Z');
const rows = [1, 2, 3].map((n) => ({ at, id: id.replace(/1$/, String(n)) }));
const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const first = (n: number) => toConnection(readPage('feed', kinds, { first: n }), rows, (row) => [row.at, row.id]);

describe('a page', () => {
  it('asks for one row more than the client wants', () => {
    expect(readPage('feed', kinds, { first: 2 })).toEqual({ list: 'feed', first: 2, limit: 3, after: undefined });
  });

  it('has twenty rows when the client does not say', () => {
    expect(readPage('feed', kinds, { first: null, after: null }).first).toBe(20);
  });

  it('continues after the keys of a cursor', () => {
    const { endCursor } = first(2).pageInfo;
    expect(readPage('feed', kinds, { after: endCursor }).after).toEqual([at, rows[1]!.id]);
  });

  it.each([0, -1, 101, 1.5, Number.NaN])('refuses first: %p', (n) => {
    expect(() => readPage('feed', kinds, { first: n })).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', argument: 'first' } }),
    );
  });

  it.each([
    ['nothing', ''],
    ['noise', '%%%'],
    ['text that is not JSON', Buffer.from('feed').toString('base64url')],
    ['no list', cursorOf({ feed: 1 })],
    ['another list', cursorOf(['posts', at, id])],
    ['too few keys', cursorOf(['feed', at])],
    ['too many keys', cursorOf(['feed', at, id, id])],
    ['a key of another kind', cursorOf(['feed', at, 'x'])],
    ['no moment', cursorOf(['feed', '2026-99-99T00:00:00Z', id])],
    ['a number for a moment', cursorOf(['feed', 5, id])],
    ['prototype names', cursorOf(['__proto__', at, id])],
    ['endless noise', 'a'.repeat(100_000)],
  ])('refuses a cursor of %s', (_name, after) => {
    expect(() => readPage('feed', kinds, { after })).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', argument: 'after' } }),
    );
  });

  it('refuses NUL in a text key and fractions in an integer key', () => {
    expect(() => readPage('a', ['text'], { after: cursorOf(['a', 'x\0']) })).toThrow(/not a cursor/);
    expect(() => readPage('a', ['integer'], { after: cursorOf(['a', 1.5]) })).toThrow(/not a cursor/);
    expect(readPage('a', ['integer'], { after: cursorOf(['a', 3]) }).after).toEqual([3]);
  });
});

describe('a connection', () => {
  it('leaves the surplus row out and tells that there is more', () => {
    const { nodes, edges, pageInfo } = first(2);
    expect(nodes).toEqual(rows.slice(0, 2));
    expect(edges.map(({ node }) => node)).toEqual(nodes);
    expect(pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: edges[0]!.cursor,
      endCursor: edges[1]!.cursor,
    });
  });

  it('ends when there is no surplus row', () => {
    expect(first(3).pageInfo.hasNextPage).toBe(false);
  });

  it('is empty without cursors', () => {
    const page = readPage('feed', kinds, {});
    expect(toConnection(page, [], () => [at, id])).toEqual({
      edges: [],
      nodes: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });
});
