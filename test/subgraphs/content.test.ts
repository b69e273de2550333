/**
 * The content subgraph behind its GraphQL API: what it keeps, and from whom. Real: HTTP, Postgres, identity tokens.
 */
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import type { Caller } from '../../subgraphs/shared/identity';
import { ada, errorsOf, nobody, seedId, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';

const FIELDS = '{ id slug title body tags status discountPercent publishedAt author { id } media { __typename id } }';
const CREATE = `mutation ($input: CreatePostInput!) { it: createPost(input: $input) ${FIELDS} }`;
const UPDATE = `mutation ($id: ID!, $input: UpdatePostInput!) { it: updatePost(id: $id, input: $input) ${FIELDS} }`;
const DELETE = 'mutation ($id: ID!) { it: deletePost(id: $id) }';
const READ = `query ($id: ID!) { post(id: $id) ${FIELDS} }`;
const START = `mutation ($input: StartConversationInput!) { it: startConversation(input: $input) {
  id title participants { user { id } messageCount } messages { nodes { id body sender { id } } } topic { __typename ... on Post { id } ... on Payment { id } } } }`;
const SEND =
  'mutation ($id: ID!, $body: String!) { it: sendMessage(conversationId: $id, body: $body) { id body edited conversation { lastMessage { id } } } }';
const EDIT = 'mutation ($id: ID!, $body: String!) { it: editMessage(id: $id, body: $body) { id body edited } }';
const UNSAY = 'mutation ($id: ID!) { it: deleteMessage(id: $id) }';
const CONVERSATION = 'query ($id: ID!) { conversation(id: $id) { id title messages { nodes { body } } } }';
const BOOKMARK =
  'mutation ($id: ID!, $note: String) { it: bookmarkPost(postId: $id, note: $note) { userId postId note post { id } } }';

interface Post {
  id: string;
  slug: string;
  status: string;
  publishedAt: string | null;
  media: { __typename: string; id: string }[];
}

const author = user(6);
const stranger = user(11);
const input = { title: 'On modules', body: 'A module is known by its promises.' };

let content: TestSubgraph;
beforeAll(async () => {
  content = await startTestSubgraph(createContentSubgraph());
});
afterAll(() => content.close());

async function create(more: object = {}): Promise<Post> {
  const { data } = await content.ask<{ it: Post }>(author, CREATE, { input: { ...input, ...more } });
  return data.it;
}

/** The `extensions` of the only error, for refusals that name a field. */
async function refusal(caller: Caller, query: string, variables: Record<string, unknown>) {
  return (await content.ask(caller, query, variables)).errors?.map(({ extensions }) => extensions);
}

describe('posts', () => {
  it('are written, published at once or later, and keep the name in their address', async () => {
    const draft = await create({
      title: 'Über Maschinen, Teil 2',
      status: 'DRAFT',
      tags: ['design'],
      discountPercent: 5,
    });
    expect(draft).toMatchObject({
      slug: 'uber-maschinen-teil-2',
      status: 'DRAFT',
      publishedAt: null,
      tags: ['design'],
      discountPercent: 5,
    });
    const published = await content.ask<{ it: Post }>(author, UPDATE, {
      id: draft.id,
      input: { title: 'Anders', status: 'PUBLISHED' },
    });
    expect(published.data.it).toMatchObject({
      slug: draft.slug,
      title: 'Anders',
      tags: ['design'],
      discountPercent: 5,
    });
    expect(published.data.it.publishedAt).not.toBeNull();
  });

  it('with one title get different names', async () => {
    const names = (await Promise.all([create(), create(), create()])).map(({ slug }) => slug);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^on-modules(-[0-9a-f]{8})?$/);
    expect((await create({ title: '猫' })).slug).toMatch(/^post/);
  });

  it('show their media in the order of the author, and lose what is taken away', async () => {
    const { id, media } = await create({ mediaIds: [seedId(3, 4), seedId(3, 1)] });
    expect(media).toEqual([
      { __typename: 'Podcast', id: seedId(3, 4) },
      { __typename: 'Video', id: seedId(3, 1) },
    ]);
    const changed = await content.ask<{ it: Post }>(author, UPDATE, { id, input: { mediaIds: [seedId(3, 1)] } });
    expect(changed.data.it.media).toEqual([{ __typename: 'Video', id: seedId(3, 1) }]);
  });

  it('are changed and deleted by their author and an ADMIN alone', async () => {
    const { id } = await create();
    for (const [query, variables] of [
      [UPDATE, { id, input: { title: 'x' } }],
      [DELETE, { id }],
    ] as const) {
      expect(errorsOf(await content.ask(stranger, query, variables))).toEqual(['FORBIDDEN it']);
      expect(errorsOf(await content.ask(nobody, query, variables))).toEqual(['UNAUTHENTICATED it']);
    }
    expect(errorsOf(await content.ask(ada, UPDATE, { id, input: { title: 'Edited' } }))).toEqual([]);
    expect((await content.ask(author, DELETE, { id })).data).toEqual({ it: id });
    expect((await content.ask(author, READ, { id })).data).toEqual({ post: null });
    expect(errorsOf(await content.ask(author, DELETE, { id }))).toEqual(['NOT_FOUND it']);
  });

  it('that are drafts do not exist for others, on no way', async () => {
    const { id, slug } = await create({ title: 'A secret draft about xylophones', status: 'DRAFT' });
    const everywhere = `query ($id: ID!, $slug: String!, $it: [_Any!]!) {
      post(id: $id) { id } postBySlug(slug: $slug) { id } node(id: $id) { id }
      search(text: "xylophones") { __typename } feed(first: 100) { nodes { ... on Post { id } } }
      _entities(representations: $it) { ... on Post { id } ... on User { posts(first: 100) { nodes { id } } } }
    }`;
    const it = [
      { __typename: 'Post', id },
      { __typename: 'Post', slug },
      { __typename: 'User', id: author.id },
    ];
    const seenBy = async (caller: Caller) =>
      JSON.stringify(await content.ask(caller, everywhere, { id, slug, it })).split(id).length - 1;
    expect([await seenBy(stranger), await seenBy(nobody)]).toEqual([0, 0]);
    // Three fields, two references and the list of the author; a draft is in no feed and no search.
    expect([await seenBy(author), await seenBy(ada)]).toEqual([6, 6]);
    for (const [query, variables] of [
      [UPDATE, { id, input: {} }],
      [DELETE, { id }],
      [BOOKMARK, { id }],
    ] as const) {
      expect(errorsOf(await content.ask(stranger, query, variables))).toEqual(['NOT_FOUND it']);
    }
  });

  it.each([
    ['title', ''],
    ['title', '  '],
    ['title', 'x'.repeat(201)],
    ['title', 'nul\0'],
    ['body', ''],
    ['body', 'x'.repeat(20_001)],
    ['tags', ['Upper']],
    ['tags', ['']],
    ['tags', Array.from({ length: 11 }, (_, index) => `t${index}`)],
    ['discountPercent', -1],
    ['discountPercent', 91],
    ['mediaIds', ['x']],
    ['mediaIds', [seedId(3, 99)]],
    ['mediaIds', [seedId(3, 1), seedId(3, 1)]],
    ['mediaIds', Array.from({ length: 11 }, (_, index) => seedId(3, index))],
  ])('refuse a bad %s and name it (case %#)', async (field, value) => {
    const expected = [{ code: 'BAD_USER_INPUT', argument: `input.${field}` }];
    expect(await refusal(author, CREATE, { input: { ...input, [field]: value } })).toEqual(expected);
    expect(await refusal(ada, UPDATE, { id: seedId(1, 1), input: { [field]: value } })).toEqual(expected);
  });

  it('leave nothing behind when their media are refused', async () => {
    await refusal(author, CREATE, { input: { title: 'Half written', body: 'x', mediaIds: [seedId(3, 99)] } });
    const [row] = await content.db.query<{ count: number }>(
      `select count(*) as count from posts where title = 'Half written'`,
    );
    expect(row?.count).toBe(0);
  });

  it('are written by somebody who is signed in and a user of this graph', async () => {
    expect(errorsOf(await content.ask(nobody, CREATE, { input }))).toEqual(['UNAUTHENTICATED it']);
    expect(errorsOf(await content.ask({ ...author, id: 'auth0|x' }, CREATE, { input }))).toEqual(['FORBIDDEN it']);
  });
});

describe('announcements', () => {
  const ANNOUNCE =
    'mutation ($input: CreateAnnouncementInput!) { it: createAnnouncement(input: $input) { id level author { id } } }';
  const WITHDRAW = 'mutation ($id: ID!) { it: deleteAnnouncement(id: $id) }';

  it('are for ADMINs to make and to withdraw', async () => {
    const { data } = await content.ask<{ it: { id: string } }>(ada, ANNOUNCE, { input: { title: 'Hear', body: 'ye' } });
    expect(data.it).toMatchObject({ level: 'INFO', author: { id: ada.id } });
    expect(errorsOf(await content.ask(author, ANNOUNCE, { input: { title: 'x', body: 'y' } }))).toEqual([
      'FORBIDDEN it',
    ]);
    expect(errorsOf(await content.ask(author, WITHDRAW, { id: data.it.id }))).toEqual(['FORBIDDEN it']);
    expect((await content.ask(ada, WITHDRAW, { id: data.it.id })).data).toEqual({ it: data.it.id });
    expect(errorsOf(await content.ask(ada, WITHDRAW, { id: data.it.id }))).toEqual(['NOT_FOUND it']);
    expect(errorsOf(await content.ask(ada, WITHDRAW, { id: 'x' }))).toEqual(['NOT_FOUND it']);
  });

  it.each([
    ['title', 'x'.repeat(201)],
    ['body', 'x'.repeat(5001)],
  ])('refuse a bad %s and name it', async (field, value) => {
    expect(await refusal(ada, ANNOUNCE, { input: { title: 'x', body: 'y', [field]: value } })).toEqual([
      { code: 'BAD_USER_INPUT', argument: `input.${field}` },
    ]);
  });
});

describe('conversations', () => {
  interface Conversation {
    id: string;
    participants: { user: { id: string }; messageCount: number }[];
  }
  async function start(more: object = {}): Promise<Conversation> {
    const { data } = await content.ask<{ it: Conversation }>(author, START, {
      input: { title: 'Hello', participantIds: [stranger.id], message: 'Hi', ...more },
    });
    return data.it;
  }

  it('begin with a message, with each participant once', async () => {
    const it = await start({ participantIds: [stranger.id, stranger.id.toUpperCase(), author.id] });
    expect(it).toMatchObject({
      title: 'Hello',
      topic: null,
      messages: { nodes: [{ body: 'Hi', sender: { id: author.id } }] },
    });
    expect(it.participants).toEqual([
      { user: { id: author.id }, messageCount: 1 },
      { user: { id: stranger.id }, messageCount: 0 },
    ]);
  });

  it('are about a post that the caller may read, a payment, or nothing', async () => {
    expect(await start({ postId: seedId(1, 3) })).toMatchObject({ topic: { __typename: 'Post', id: seedId(1, 3) } });
    expect(await start({ paymentId: seedId(6, 3) })).toMatchObject({
      topic: { __typename: 'Payment', id: seedId(6, 3) },
    });
    const draft = { title: 'x', participantIds: [stranger.id], message: 'x', postId: seedId(1, 23) };
    expect(await refusal(author, START, { input: draft })).toEqual([{ code: 'NOT_FOUND' }]);
  });

  it('are read and continued by participants alone: not even an ADMIN knows of them', async () => {
    const { id } = await start();
    for (const caller of [author, stranger]) {
      expect((await content.ask(caller, CONVERSATION, { id })).data).toMatchObject({ conversation: { id } });
    }
    for (const caller of [ada, user(4)]) {
      const { data, errors } = await content.ask(caller, CONVERSATION, { id });
      expect([data, errors]).toEqual([{ conversation: null }, undefined]);
      expect(errorsOf(await content.ask(caller, SEND, { id, body: 'x' }))).toEqual(['NOT_FOUND it']);
    }
    expect(errorsOf(await content.ask(nobody, CONVERSATION, { id }))).toEqual(['UNAUTHENTICATED conversation']);
    expect(errorsOf(await content.ask(nobody, SEND, { id, body: 'x' }))).toEqual(['UNAUTHENTICATED it']);
  });

  it('do not leak through references, nodes or lists', async () => {
    // Conversation 4 with messages 13 and 14 is between users 4 and 10.
    const query = `query ($it: [_Any!]!, $id: ID!, $message: ID!) {
      conversation: node(id: $id) { id } message: node(id: $message) { id } conversations { nodes { id } }
      _entities(representations: $it) { __typename }
    }`;
    const it = [
      { __typename: 'Conversation', id: seedId(4, 4) },
      { __typename: 'Message', id: seedId(5, 14) },
      { __typename: 'Participant', conversation: { id: seedId(4, 4) }, user: { id: seedId(0, 10) } },
    ];
    const variables = { it, id: seedId(4, 4), message: seedId(5, 14) };
    expect((await content.ask(user(12), query, variables)).data).toEqual({
      conversation: null,
      message: null,
      conversations: { nodes: [] },
      _entities: [null, null, null],
    });
    expect((await content.ask(user(4), query, variables)).data).toEqual({
      conversation: { id: seedId(4, 4) },
      message: { id: seedId(5, 14) },
      conversations: { nodes: [{ id: seedId(4, 4) }] },
      _entities: [{ __typename: 'Conversation' }, { __typename: 'Message' }, { __typename: 'Participant' }],
    });
  });

  it('rise to the top of the list with a message', async () => {
    const [older] = [await start(), await start()];
    const sent = await content.ask<{ it: { id: string; conversation: unknown } }>(stranger, SEND, {
      id: older.id,
      body: 'Late',
    });
    expect(sent.data.it).toMatchObject({ edited: false, conversation: { lastMessage: { id: sent.data.it.id } } });
    const { data } = await content.ask(stranger, '{ conversations(first: 1) { nodes { id } } }');
    expect(data).toEqual({ conversations: { nodes: [{ id: older.id }] } });
  });

  it('let the sender alone edit and delete a message', async () => {
    const { id } = await start();
    const { data } = await content.ask<{ it: { id: string } }>(author, SEND, { id, body: 'Frist' });
    const message = data.it.id;
    expect(errorsOf(await content.ask(stranger, EDIT, { id: message, body: 'x' }))).toEqual(['FORBIDDEN it']);
    expect(errorsOf(await content.ask(ada, EDIT, { id: message, body: 'x' }))).toEqual(['NOT_FOUND it']);
    expect(errorsOf(await content.ask(stranger, UNSAY, { id: message }))).toEqual(['FORBIDDEN it']);
    expect((await content.ask(author, EDIT, { id: message, body: 'First' })).data).toEqual({
      it: { id: message, body: 'First', edited: true },
    });
    expect((await content.ask(author, UNSAY, { id: message })).data).toEqual({ it: message });
    expect(errorsOf(await content.ask(author, UNSAY, { id: message }))).toEqual(['NOT_FOUND it']);
  });

  it('refuse a sender who does not take part in the database too', async () => {
    await expect(
      content.db.query('insert into messages (conversation_id, sender_id, body) values ($1, $2, $3)', [
        seedId(4, 4),
        ada.id,
        'x',
      ]),
    ).rejects.toThrow('foreign key');
  });

  it.each([
    ['title', { title: '' }, 'input.title'],
    ['message', { message: 'x'.repeat(5001) }, 'input.message'],
    ['participants: none', { participantIds: [] }, 'input.participantIds'],
    ['participants: only the caller', { participantIds: [author.id] }, 'input.participantIds'],
    ['participants: no ids', { participantIds: ['x'] }, 'input.participantIds'],
    [
      'participants: too many',
      { participantIds: Array.from({ length: 20 }, (_, index) => seedId(0, 100 + index)) },
      'input.participantIds',
    ],
    ['topic: two', { postId: seedId(1, 1), paymentId: seedId(6, 1) }, 'input'],
    ['topic: no id', { paymentId: 'x' }, 'input.paymentId'],
  ])('refuse a bad %s and name it', async (_, more, argument) => {
    const bad = { title: 'x', participantIds: [stranger.id], message: 'x', ...more };
    expect(await refusal(author, START, { input: bad })).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
  });

  it('refuse empty and endless messages', async () => {
    const { id } = await start();
    for (const body of [' ', 'x'.repeat(5001), 'nul\0']) {
      expect(await refusal(author, SEND, { id, body })).toEqual([{ code: 'BAD_USER_INPUT', argument: 'body' }]);
    }
    expect(await refusal(user(4), EDIT, { id: seedId(5, 13), body: '' })).toEqual([
      { code: 'BAD_USER_INPUT', argument: 'body' },
    ]);
  });
});

describe('bookmarks', () => {
  const OF =
    'query ($it: [_Any!]!) { _entities(representations: $it) { ... on User { bookmarks { nodes { postId note } } } ... on Bookmark { note } } }';
  const REMOVE = 'mutation ($id: ID!) { it: removeBookmark(postId: $id) }';

  it('are kept once for each post, with the last note', async () => {
    const me = user(7);
    await content.ask(me, BOOKMARK, { id: seedId(1, 1), note: 'first' });
    expect((await content.ask(me, BOOKMARK, { id: seedId(1, 1), note: 'second' })).data).toEqual({
      it: { userId: me.id, postId: seedId(1, 1), note: 'second', post: { id: seedId(1, 1) } },
    });
    const it = [
      { __typename: 'User', id: me.id },
      { __typename: 'Bookmark', userId: me.id, postId: seedId(1, 1) },
    ];
    expect((await content.ask(me, OF, { it })).data).toEqual({
      _entities: [{ bookmarks: { nodes: [{ postId: seedId(1, 1), note: 'second' }] } }, { note: 'second' }],
    });
    expect((await content.ask(me, REMOVE, { id: seedId(1, 1) })).data).toEqual({ it: true });
    expect((await content.ask(me, REMOVE, { id: seedId(1, 1) })).data).toEqual({ it: false });
    expect((await content.ask(me, REMOVE, { id: 'x' })).data).toEqual({ it: false });
  });

  it('are shown to their user and an ADMIN alone', async () => {
    const it = [
      { __typename: 'User', id: seedId(0, 3) },
      { __typename: 'Bookmark', userId: seedId(0, 3), postId: seedId(1, 7) },
    ];
    expect(errorsOf(await content.ask(user(3), OF, { it }))).toEqual([]);
    expect(errorsOf(await content.ask(ada, OF, { it }))).toEqual([]);
    for (const [caller, code] of [
      [stranger, 'FORBIDDEN'],
      [nobody, 'UNAUTHENTICATED'],
    ] as const) {
      const answer = await content.ask(caller, OF, { it });
      expect(errorsOf(answer)).toEqual([`${code} _entities.0.bookmarks`]);
      expect(answer.data).toEqual({ _entities: [{ bookmarks: null }, null] });
    }
  });

  it('go with their post, and are at most 500', async () => {
    const { id } = await create();
    await content.ask(author, BOOKMARK, { id });
    await content.ask(author, DELETE, { id });
    const it = [{ __typename: 'User', id: author.id }];
    expect((await content.ask(author, OF, { it })).data).toEqual({ _entities: [{ bookmarks: { nodes: [] } }] });
    await content.db.query(
      `with made as (
         insert into posts (slug, title, body, status, author_id) select 'many-' || n, 'x', 'x', 'DRAFT', $1
         from generate_series(1, 500) n returning id
       ) insert into bookmarks (user_id, post_id) select $2, id from made`,
      [ada.id, user(9).id],
    );
    expect(errorsOf(await content.ask(user(9), BOOKMARK, { id: seedId(1, 1) }))).toEqual(['CONFLICT it']);
  });

  it('refuse an endless note', async () => {
    expect(await refusal(author, BOOKMARK, { id: seedId(1, 1), note: 'x'.repeat(501) })).toEqual([
      { code: 'BAD_USER_INPUT', argument: 'note' },
    ]);
  });
});
