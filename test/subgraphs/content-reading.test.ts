/**
 * Reading content over its seed: feed, search, pages, references, and how many statements they cost.
 */
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { ada, errorsOf, nobody, seedId, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';

let content: TestSubgraph;
beforeAll(async () => {
  content = await startTestSubgraph(createContentSubgraph());
});
afterAll(() => content.close());

interface Feed {
  feed: {
    edges: { cursor: string }[];
    nodes: { __typename: string; id: string }[];
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
  };
}
const FEED = `query ($first: Int, $after: String) {
  feed(first: $first, after: $after) {
    edges { cursor } nodes { __typename ... on Node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
const entities = (selection: string) => `query ($it: [_Any!]!) { _entities(representations: $it) { ${selection} } }`;

describe('the feed', () => {
  it('mixes all kinds, newest first, without drafts', async () => {
    const { data } = await content.ask<Feed>(nobody, FEED, { first: 6 });
    expect(data.feed.nodes).toEqual([
      { __typename: 'Post', id: seedId(1, 22) },
      { __typename: 'Post', id: seedId(1, 21) },
      { __typename: 'Post', id: seedId(1, 20) },
      { __typename: 'Video', id: seedId(3, 5) },
      { __typename: 'Announcement', id: seedId(2, 4) },
      { __typename: 'Post', id: seedId(1, 19) },
    ]);
  });

  it.each([1, 3, 32, 100])('walks through everything once in pages of %i', async (first) => {
    const seen: string[] = [];
    let after: string | undefined;
    for (;;) {
      const { feed } = (await content.ask<Feed>(ada, FEED, { first, after })).data;
      expect(feed.pageInfo.hasPreviousPage).toBe(after !== undefined);
      expect([feed.pageInfo.startCursor, feed.pageInfo.endCursor]).toEqual([
        feed.edges[0]?.cursor,
        feed.edges.at(-1)?.cursor,
      ]);
      seen.push(...feed.nodes.map(({ id }) => id));
      if (!feed.pageInfo.hasNextPage || seen.length > 100) break;
      after = feed.pageInfo.endCursor;
    }
    expect(seen).toHaveLength(32);
    expect(new Set(seen).size).toBe(32);
  });

  it('keeps rows of one moment apart at the edge of a page', async () => {
    await content.db.transaction(async (tx) => {
      await tx.query(
        `insert into announcements (title, body, level, author_id, created_at, updated_at)
         select 'same', 'moment', 'INFO', $1, '2020-01-01', '2020-01-01' from generate_series(1, 5)`,
        [ada.id],
      );
    });
    const all = (await content.ask<Feed>(nobody, FEED, { first: 100 })).data.feed;
    const tail: string[] = [];
    let after = all.edges.at(-6)?.cursor;
    for (;;) {
      const { feed } = (await content.ask<Feed>(nobody, FEED, { first: 2, after })).data;
      tail.push(...feed.nodes.map(({ id }) => id));
      if (!feed.pageInfo.hasNextPage) break;
      after = feed.pageInfo.endCursor;
    }
    expect(tail).toEqual(all.nodes.slice(-5).map(({ id }) => id));
    await content.db.query(`delete from announcements where title = 'same'`);
  });

  it.each([
    [{ first: 0 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ after: 'not a cursor' }, 'after'],
    [{ after: Buffer.from('["posts","2026-01-01T00:00:00.000Z","x"]').toString('base64url') }, 'after'],
  ])('refuses %j and names the argument', async (variables, argument) => {
    const { errors } = await content.ask(nobody, FEED, variables);
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
  });
});

describe('search', () => {
  const SEARCH = `query ($text: String!, $first: Int) {
    search(text: $text, first: $first) { __typename ... on Post { title } ... on Announcement { title } ... on Media { title } }
  }`;
  const titles = async (text: string, first?: number) => {
    const { data } = await content.ask<{ search: { __typename: string; title: string }[] }>(nobody, SEARCH, {
      text,
      first,
    });
    return data.search.map(({ __typename, title }) => `${__typename}: ${title}`);
  };

  it('finds all kinds by the stems of words, the closest match first', async () => {
    const found = await titles('moths');
    expect(found).toEqual(['Post: The moth in relay seventy', 'Podcast: Bugs, moths and log books']);
    expect(await titles('payments')).toEqual(['Announcement: Maintenance on Sunday']);
    expect((await titles('compiler'))[0]).toBe('Post: A compiler is a translator');
  });

  it('understands phrases, or, and exclusion', async () => {
    expect(await titles('"shortest path"')).toEqual(['Post: The shortest path, over coffee']);
    expect(await titles('relay or algorhyme')).toHaveLength(2);
    expect(await titles('graph -tree')).not.toContain('Post: Algorhyme');
    expect(await titles('graph')).toContain('Post: Algorhyme');
  });

  it('finds tags, and no drafts for anybody', async () => {
    expect(await titles('kernel')).toHaveLength(2);
    expect(await titles('nanoseconds')).toEqual([]);
    const { data } = await content.ask(user(2), SEARCH, { text: 'nanoseconds' });
    expect(data).toEqual({ search: [] });
  });

  it('survives any text', async () => {
    for (const text of ['the', "'", '"', "' or 1=1 --", '!!&|():*', '%', '\\', '🙂', '\ud800']) {
      expect(Array.isArray(await titles(text))).toBe(true);
    }
  });

  it('is bounded', async () => {
    expect(await titles('machine or program or graph or computer', 3)).toHaveLength(3);
    for (const [variables, argument] of [
      [{ text: '' }, 'text'],
      [{ text: 'x'.repeat(201) }, 'text'],
      [{ text: 'nul\0' }, 'text'],
      [{ text: 'x', first: 51 }, 'first'],
      [{ text: 'x', first: 0 }, 'first'],
    ] as const) {
      const { errors } = await content.ask(nobody, SEARCH, variables);
      expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
    }
  });
});

describe('node and references', () => {
  it('answer each kind by its id, and null for what is not there', async () => {
    const kinds = [
      [1, 1, 'Post'],
      [2, 1, 'Announcement'],
      [3, 1, 'Video'],
      [3, 3, 'Podcast'],
      [4, 1, 'Conversation'],
      [5, 1, 'Message'],
    ] as const;
    for (const [table, number, kind] of kinds) {
      const { data } = await content.ask(ada, 'query ($id: ID!) { node(id: $id) { __typename id } }', {
        id: seedId(table, number),
      });
      expect(data).toEqual({ node: { __typename: kind, id: seedId(table, number) } });
    }
    for (const id of [seedId(1, 999), 'x', '', seedId(0, 1)]) {
      expect((await content.ask(ada, 'query ($id: ID!) { node(id: $id) { id } }', { id })).data).toEqual({
        node: null,
      });
    }
  });

  it('find a post by either key, and media by interface and by type', async () => {
    const it = [
      { __typename: 'Post', id: seedId(1, 19) },
      { __typename: 'Post', slug: 'algorhyme' },
      { __typename: 'Post', slug: 'no such post' },
      { __typename: 'Media', id: seedId(3, 1) },
      { __typename: 'Media', id: seedId(3, 3) },
      { __typename: 'Video', id: seedId(3, 1) },
      { __typename: 'Video', id: seedId(3, 3) },
      { __typename: 'Podcast', id: seedId(3, 3) },
    ];
    const selection = '__typename ... on Post { slug } ... on Video { height } ... on Podcast { episode }';
    const video = { __typename: 'Video', height: 1080 };
    const podcast = { __typename: 'Podcast', episode: 1 };
    expect((await content.ask(nobody, entities(selection), { it })).data).toEqual({
      _entities: [
        { __typename: 'Post', slug: 'algorhyme' },
        { __typename: 'Post', slug: 'algorhyme' },
        null,
        video,
        podcast,
        video,
        null,
        podcast,
      ],
    });
  });

  it('name a user with what users tells of them', async () => {
    const of = (more: object) => ({ __typename: 'User', id: ada.id, ...more });
    const it = [of({ displayName: 'Ada Lovelace', isStaff: true }), of({ displayName: 'Somebody', isStaff: false })];
    expect((await content.ask(nobody, entities('... on User { byline }'), { it })).data).toEqual({
      _entities: [{ byline: 'Ada Lovelace, staff' }, { byline: 'Somebody' }],
    });
  });

  it('cut an excerpt at a word, within bounds', async () => {
    const query =
      'query ($length: Int!) { post(id: "10000000-0000-4000-8000-000000000007") { excerpt(length: $length) body } }';
    const { data } = await content.ask<{ post: { excerpt: string; body: string } }>(nobody, query, { length: 30 });
    expect(data.post.excerpt).toBe('Three minutes before the…');
    const whole = await content.ask<typeof data>(nobody, query, { length: 1000 });
    expect(whole.data.post.excerpt).toBe(whole.data.post.body);
    for (const length of [9, 1001]) {
      const { errors } = await content.ask(nobody, query, { length });
      expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'length' });
    }
  });

  it('list what a user wrote, drafts for the user and an ADMIN alone', async () => {
    const it = [{ __typename: 'User', id: seedId(0, 8) }];
    const query = entities('... on User { postCount posts { nodes { status } } }');
    const { data } = await content.ask(nobody, query, { it });
    expect(data).toEqual({
      _entities: [{ postCount: 2, posts: { nodes: [{ status: 'PUBLISHED' }, { status: 'PUBLISHED' }] } }],
    });
    for (const caller of [user(8), ada]) {
      expect((await content.ask(caller, query, { it })).data).toMatchObject({
        _entities: [{ postCount: 2, posts: { nodes: [{ status: 'DRAFT' }, {}, {}] } }],
      });
    }
  });
});

describe('batching', () => {
  const ALL = Array.from({ length: 25 }, (_, index) => index + 1);

  it('reads a page of the feed with one statement for each table', async () => {
    const query = `{ feed(first: 100) { nodes { __typename
      ... on Post { title author { id postCount posts(first: 2) { nodes { id } } } media { title creator { id postCount } } }
      ... on Announcement { title author { id postCount } } ... on Media { title creator { id postCount } } } } }`;
    const statements = await content.statementsDuring(async () => {
      expect(errorsOf(await content.ask(nobody, query))).toEqual([]);
    });
    // The page, posts, announcements, media, media of posts, posts of authors; counts once or twice, as depths differ.
    expect(statements.length).toBeLessThanOrEqual(8);
  });

  it('answers any number of references with one statement for each table', async () => {
    const it = [
      ...ALL.map((number) => ({ __typename: 'Post', id: seedId(1, number) })),
      ...ALL.slice(0, 6).map((number) => ({ __typename: 'Media', id: seedId(3, number) })),
      ...ALL.slice(0, 12).map((number) => ({ __typename: 'User', id: seedId(0, number) })),
      ...ALL.slice(0, 12).map((number) => ({
        __typename: 'Bookmark',
        userId: seedId(0, number),
        postId: seedId(1, 3),
      })),
      ...['algorhyme', 'check-the-numbers'].map((slug) => ({ __typename: 'Post', slug })),
    ];
    const selection =
      '... on Post { title } ... on Media { title } ... on User { posts(first: 3) { nodes { id } } bookmarks { nodes { post { title } } } } ... on Bookmark { note }';
    const statements = await content.statementsDuring(async () => {
      expect(errorsOf(await content.ask(ada, entities(selection), { it }))).toEqual([]);
    });
    // Posts by id, by slug, media, posts of users, bookmarks of users and by key; posts of bookmarks are loaded already.
    expect(statements).toHaveLength(6);
  });

  it('reads conversations with all that belongs to them in a few statements', async () => {
    const query = `{ conversations { nodes { title topic { ... on Post { title } } lastMessage { body sender { id } }
      participants { user { id } messageCount conversation { title } } messages(first: 3) { nodes { body conversation { title } } } } } }`;
    const statements = await content.statementsDuring(async () => {
      expect(errorsOf(await content.ask(user(2), query))).toEqual([]);
    });
    // The list, topics, last messages, participants, counts, messages, conversations by id.
    expect(statements.length).toBeLessThanOrEqual(7);
  });
});
