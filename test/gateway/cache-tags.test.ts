/** The example of docs/caching.md for `@cacheTag`, as it is written there: composed, asked, called old. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import { readDeclaredTags } from '../../src/policy/cache-tag-declarations';
import { silentLog } from '../../src/telemetry/log';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { ask, compose } from './cached-graph';

/** As Apollo Server has it. */
const cacheControl = `
  enum CacheControlScope { PUBLIC PRIVATE }
  directive @cacheControl(maxAge: Int, scope: CacheControlScope, inheritMaxAge: Boolean)
    on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
`;
const chapter = readFileSync(join(__dirname, '../../docs/caching.md'), 'utf8');
const [, example = ''] = /```graphql\n([^`]*@cacheTag[^`]*)```/.exec(chapter) ?? [];

let server: SubgraphServer;
let gateway: Gateway;
const resolved: string[] = [];

async function supergraphOf(sdl: string, url: string) {
  const composed = await compose([{ name: 'posts', url, sdl: cacheControl + sdl }]);
  if (composed.kind !== 'composed') throw new Error(JSON.stringify(composed));
  return composed.supergraphSdl;
}

beforeAll(async () => {
  server = await createSubgraphServer();
  const post = (id: string) => ({ id, title: `post ${id}` });
  const resolvers = {
    Query: {
      feed: (_: unknown, { topic }: { topic: string }) => {
        resolved.push(`feed ${topic}`);
        return [post('7'), post('8')];
      },
      post: (_: unknown, { id }: { id: string }) => {
        resolved.push(`post ${id}`);
        return post(id);
      },
    },
    Post: { __resolveReference: post },
  };
  const url = server.mount({ name: 'posts', typeDefs: parse(cacheControl + example), resolvers: resolvers as never });
  const config = createConfig({ cache: { answers: 'public' }, telemetry: { logLevel: 'silent' } });
  gateway = createGateway({ supergraph: { sdl: await supergraphOf(example, url) }, config }, { log: silentLog });
  await gateway.load();
});
afterAll(async () => {
  await gateway?.stop();
  await server?.close();
});

const queries = [
  '{ post(id: 7) { id title } }',
  '{ post(id: 8) { id title } }',
  '{ feed(topic: "news") { title } }',
  '{ feed(topic: "art") { title } }',
];

it.each<[string, string[]]>([
  ['post-7', ['feed art', 'feed news', 'post 7']],
  ['post-9', ['feed art', 'feed news']],
  ['feed-news', ['feed news']],
  ['Post:8', ['feed art', 'feed news', 'post 8']],
  ['feed-', []],
  ['xpost-7', []],
])('makes old by %s what it stands for', async (tag, expected) => {
  for (const query of queries) await ask(gateway, query);
  resolved.length = 0;
  for (const query of queries) await ask(gateway, query);
  expect(resolved).toEqual([]);
  await gateway.invalidate([tag]);
  for (const query of queries) await ask(gateway, query);
  expect([...resolved].sort()).toEqual(expected);
});

describe('declarations', () => {
  const read = async (sdl: string) => {
    const link =
      'extend schema @link(url: "https://specs.apollo.dev/federation/v2.14", import: ["@key", "@cacheTag"])\n';
    return readDeclaredTags(parse(await supergraphOf(link + sdl, 'http://posts.open')), new Map([['Post', 'id']]));
  };

  it('mean all of a type where they do not tell its entities apart', async () => {
    const { meantBy } = await read(
      'type Query { a: Post } type Post @key(fields: "id") @key(fields: "slug") @cacheTag(format: "posts") @cacheTag(format: "s.{$key.slug}") { id: ID slug: ID }',
    );
    expect(meantBy(['posts', 's.a', 'sxa'])).toEqual(['posts', 'Post', 's.a', 'sxa']);
  });

  it('are told where they can mean nothing', async () => {
    const { problems } = await read(`
      type Query { a(x: In): Post @cacheTag(format: "a-{$args.x.y}") b(x: Int): Int @cacheTag(format: "b-{$args.z}") }
      input In { y: Int }
      type Post @key(fields: "id") @cacheTag(format: "p-{$args.id}") { id: ID! name: String @cacheTag(format: "n") }
    `).catch((error: Error) => ({ problems: [error.message] }));
    expect(problems).toEqual([
      'Post: @cacheTag(format: "p-{$args.id}") can name {$key.…} alone',
      'Post.name: @cacheTag stands on an entity, or on a field of Query',
      'Query.b: @cacheTag(format: "b-{$args.z}") names what is no argument',
    ]);
  });
});
