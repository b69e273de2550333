/**
 * Real: the server as `supergate serve` starts it, HTTP, tokens, a subgraph, the log of the process is silent.
 * Observed: what clients read, on the lane of prepared POSTs and on that of Apollo Server.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import jwt from 'jsonwebtoken';
import { type RunningGateway, serve } from '../../src/main';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';

jest.setTimeout(60_000);
const sharedSecret = 'a secret that is only for these tests!!';
const sdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated", "@policy"])
  type Query { open: Int secret: Int @authenticated admin: Int @policy(policies: [["role:ADMIN"]]) must: Int! @authenticated }`;

const directory = mkdtempSync(join(tmpdir(), 'supergate-authorization-'));
let subgraphs: SubgraphServer;
let supergraph: string;

beforeAll(async () => {
  subgraphs = await createSubgraphServer();
  const typeDefs = parse(sdl);
  const resolvers = { Query: { open: () => 1, secret: () => 2, admin: () => 3, must: () => 4 } };
  const url = subgraphs.mount({ name: 'a', typeDefs, resolvers });
  const composed = composeServices([{ name: 'a', url, typeDefs }]);
  supergraph = join(directory, 'supergraph.graphql');
  writeFileSync(supergraph, composed.supergraphSdl ?? '');
});
afterAll(async () => {
  await subgraphs.close();
  rmSync(directory, { recursive: true });
});

async function start(more: string): Promise<RunningGateway> {
  const config = join(directory, 'gateway.yaml');
  writeFileSync(
    config,
    `authentication: { issuers: [{ issuer: tests, audiences: [api], algorithms: [HS256], sharedSecret: "${sharedSecret}" }] }\n${more}`,
  );
  return await serve({ supergraph, config, port: 0, env: { LOG_LEVEL: 'silent' } });
}

const tokenOf = (roles: string[] = []) =>
  jwt.sign({ sub: 'ann', roles }, sharedSecret, {
    algorithm: 'HS256',
    issuer: 'tests',
    audience: 'api',
    expiresIn: 60,
  });

type Ask = (query: string, token?: string) => Promise<{ status: number; body: string }>;

async function read(response: Response) {
  return { status: response.status, body: await response.text() };
}

/** The same question on both lanes. */
function lanesOf({ graphqlUrl }: RunningGateway): readonly Ask[] {
  const authorization = (token?: string) => (token === undefined ? {} : { authorization: `Bearer ${token}` });
  const accept = 'application/graphql-response+json';
  return [
    async (query, token) => {
      const headers = { 'content-type': 'application/json', accept, ...authorization(token) };
      return read(await fetch(graphqlUrl, { method: 'POST', headers, body: JSON.stringify({ query }) }));
    },
    async (query, token) => {
      const headers = { 'apollo-require-preflight': '1', accept, ...authorization(token) };
      return read(await fetch(`${graphqlUrl}?query=${encodeURIComponent(query)}`, { headers }));
    },
  ];
}

describe('behind every door', () => {
  it('fields are filtered alike, for everybody by the own token', async () => {
    const server = await start('server: { introspection: { roles: [ADMIN] }, explorer: { roles: [ADMIN] } }');
    for (const ask of lanesOf(server)) {
      const anonymous = await ask('{ open secret }');
      expect(anonymous).toEqual({
        status: 200,
        body: '{"errors":[{"message":"Unauthorized field or type","path":["secret"],"extensions":{"code":"UNAUTHORIZED_FIELD_OR_TYPE"}}],"data":{"open":1,"secret":null}}',
      });
      expect((await ask('{ open secret }', tokenOf())).body).toBe('{"data":{"open":1,"secret":2}}');
      expect((await ask('{ admin }', tokenOf())).body).toContain('"admin":null');
      expect((await ask('{ admin }', tokenOf(['ADMIN']))).body).toBe('{"data":{"admin":3}}');
      expect((await ask('{ open must }')).body).toContain('"data":null');
      expect((await ask('{ open }', 'of.no.worth')).status).toBe(401);
      expect((await ask('{ __schema { description } }', tokenOf())).body).toContain('UNAUTHORIZED_FIELD_OR_TYPE');
      expect((await ask('{ __schema { description } }', tokenOf(['ADMIN']))).body).toContain('"__schema":{');
    }
    const pages = async (token?: string) => {
      const headers = { accept: 'text/html', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
      return (await fetch(new URL('/graphiql', server.url), { headers })).status;
    };
    expect([await pages(), await pages(tokenOf()), await pages(tokenOf(['ADMIN']))]).toEqual([404, 404, 200]);
    const metrics = await (await fetch(new URL('/metrics', server.url))).text();
    expect(metrics).toContain('supergate_unauthorized_fields_total{missing="authenticated",outcome="filtered"} 4');
    await server.close();
  });

  it('an operation is refused with 403 where configuration says so', async () => {
    const server = await start('authorization: { mode: reject }');
    for (const ask of lanesOf(server)) {
      const refused = await ask('{ open secret }');
      expect(refused.status).toBe(403);
      expect(JSON.parse(refused.body)).toEqual({
        errors: [
          {
            message: 'Unauthorized field or type',
            path: ['secret'],
            extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' },
          },
        ],
      });
      expect((await ask('{ open secret }', tokenOf())).status).toBe(200);
    }
    await server.close();
  });

  it('introspection that is off is off, and no name is suggested', async () => {
    const server = await start('server: { introspection: false }');
    for (const ask of lanesOf(server)) {
      for (const query of ['{ __schema { description } }', '{ __type(name: "Query") { name } }', '{ secre }']) {
        const { status, body } = await ask(query, tokenOf(['ADMIN']));
        expect(status).toBe(400);
        expect(body).not.toContain('secret');
      }
      expect((await ask('{ __typename }')).body).toBe('{"data":{"__typename":"Query"}}');
    }
    await server.close();
  });

  it('a dry run tells beside the answer', async () => {
    const server = await start('authorization: { dryRun: true }');
    for (const ask of lanesOf(server)) {
      expect(JSON.parse((await ask('{ secret }')).body)).toEqual({
        data: { secret: 2 },
        extensions: {
          authorizationErrors: [
            {
              message: 'Unauthorized field or type',
              path: ['secret'],
              extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' },
            },
          ],
        },
      });
    }
    await server.close();
  });
});
