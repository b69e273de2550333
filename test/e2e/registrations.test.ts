/**
 * Instances that register themselves at gateways which share a Redis. Real: two gateways, two instances, each a process of
 * its own, Redis, HTTP. Observed: what gateways answer, and what their admin ports tell.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWithRedis, startOwnRedis } from '../support/redis';
import { type GatewayProcess, startGatewayProcess } from './rolling-restarts';
import { InstanceProcess } from './three-instances';

jest.setTimeout(120_000);

const token = 'seeing-and-changing-needs-this-of-operators';
const registrationToken = 'registering-needs-a-token-of-instances';
const supergraph =
  'subgraphs: { a: { routing_url: "http://127.0.0.1:1/graphql", schema: { sdl: "type Query { hello: String }" } } }';

describeWithRedis('instances that register themselves', () => {
  const instances = [new InstanceProcess(), new InstanceProcess()] as const;
  const gateways: { readonly process: GatewayProcess; readonly adminUrl: string; readonly directory: string }[] = [];
  let redis: Awaited<ReturnType<typeof startOwnRedis>>;

  async function startGateway() {
    const directory = mkdtempSync(join(tmpdir(), 'supergate-registrations-'));
    writeFileSync(join(directory, 'supergraph.yaml'), supergraph);
    writeFileSync(
      join(directory, 'gateway.yaml'),
      [
        'server: { port: 0 }',
        `admin: { port: 0, token: ${token}, registrationToken: ${registrationToken} }`,
        `redis: { url: "${redis.url}" }`,
        'timeouts: { readinessMs: 0 }',
        'sharing: { queries: false, subgraphQueries: false }',
        'overload: { shedding: false }',
        'subgraphs: { overrides: { a: { discovery: { kind: registration, ttlMs: 8000 } } } }',
      ].join('\n'),
    );
    const process = await startGatewayProcess(directory);
    const urlIn = () => /"url":"(\S+?)","msg":"The endpoints for operators are open"/.exec(process.output())?.[1];
    while (urlIn() === undefined) await sleep(20);
    const adminUrl = urlIn() ?? '';
    gateways.push({ process, adminUrl, directory });
  }

  beforeAll(async () => {
    redis = await startOwnRedis();
    await Promise.all(instances.map((instance) => instance.start()));
    await startGateway();
    await startGateway();
  });
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.kill()));
    for (const { process, directory } of gateways) {
      await process.end('SIGKILL');
      rmSync(directory, { recursive: true });
    }
    await redis?.close();
  });

  const admin = (gateway: number, method: string, path: string, body?: object, bearer = token) =>
    fetch(`${gateways[gateway]!.adminUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${bearer}` },
      ...(body && { body: JSON.stringify(body) }),
    });
  const register = (gateway: number, instance: number) =>
    admin(
      gateway,
      'PUT',
      '/registrations',
      { subgraph: 'a', id: `a-${instance}`, url: instances[instance]!.url },
      registrationToken,
    );
  /** Goes on to register, at one gateway after the other; returns what ends it. */
  function beat(instance: number): () => Promise<void> {
    let isOver = false;
    const beating = (async () => {
      for (let turn = 0; !isOver; turn++) {
        await register(turn % 2, instance);
        await sleep(200);
      }
    })();
    return () => {
      isOver = true;
      return beating;
    };
  }
  const ask = async (gateway: number) => {
    const answer = await fetch(gateways[gateway]!.process.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ hello }"}',
    });
    return (await answer.json()) as { data: { hello: string | null }; errors?: { extensions: { code: string } }[] };
  };
  const until = async (isTrue: () => Promise<boolean>) => {
    while (!(await isTrue())) await sleep(50);
  };
  const knows = async (gateway: number, ids: string[]) => {
    const { a } = (await (await admin(gateway, 'GET', '/registrations')).json()) as { a: { id: string }[] };
    return JSON.stringify(a.map(({ id }) => id).sort()) === JSON.stringify(ids);
  };
  const good = { data: { hello: 'world' } };

  it('are asked by both gateways as soon as one was told, with the token alone', async () => {
    expect(await ask(0)).toMatchObject({ errors: [{ extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }] });
    expect((await admin(0, 'PUT', '/registrations', {}, 'no')).status).toBe(401);
    expect((await admin(0, 'GET', '/registrations', undefined, registrationToken)).status).toBe(403);
    expect((await admin(0, 'POST', '/drain', undefined, registrationToken)).status).toBe(403);
    expect((await register(0, 0)).status).toBe(201);
    expect(await ask(0)).toEqual(good);
    await until(() => knows(1, ['a-0']));
    expect(await ask(1)).toEqual(good);
    expect((await register(1, 0)).status).toBe(200);
  });

  it('are seen by operators', async () => {
    const { checks } = (await (await admin(0, 'GET', '/health')).json()) as { checks: Record<string, object> };
    const discovery = { kind: 'registration', status: 'up' };
    expect(checks['subgraph:a']).toMatchObject({ status: 'up', instances: 1, available: 1, discovery });
    expect(JSON.stringify(checks)).not.toContain('127.0.0.1');
    const metrics = await (await admin(0, 'GET', '/metrics')).text();
    const { host } = new URL(instances[0].url);
    expect(metrics).toContain(`supergate_subgraph_instance_up{subgraph="a",instance="${host}"} 1`);
    expect(metrics).toContain('supergate_subgraph_discoveries_total{subgraph="a",outcome="changed"} 1');
  });

  it('fail no query when one comes and the other one goes', async () => {
    const stops = [beat(0), beat(1)] as const;
    let isOver = false;
    const outcomes = new Set<string>();
    let asked = 0;
    const client = async () => {
      for (; !isOver; asked++) outcomes.add(JSON.stringify(await ask(asked % 2)));
    };
    const clients = [client(), client(), client(), client()];
    await until(async () => (await knows(0, ['a-0', 'a-1'])) && knows(1, ['a-0', 'a-1']));
    await stops[0]();
    expect((await admin(1, 'DELETE', '/registrations?subgraph=a&id=a-0', undefined, registrationToken)).status).toBe(
      200,
    );
    await until(async () => (await knows(0, ['a-1'])) && knows(1, ['a-1']));
    await instances[0]!.kill();
    const before = asked;
    await until(async () => asked > before + 50);
    isOver = true;
    await Promise.all([stops[1](), ...clients]);
    expect([...outcomes]).toEqual([JSON.stringify(good)]);
  });

  it('are gone when they tell nobody any more that they are there', async () => {
    await until(async () => (await knows(0, [])) && knows(1, []));
    expect(await ask(1)).toMatchObject({ errors: [{ extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }] });
  });

  it('are told what is wrong with a problem document', async () => {
    const answer = await admin(0, 'PUT', '/registrations', { subgraph: 'a', id: 'a-0', url: 'nowhere' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, expect.stringMatching(/problem\+json/)]);
    expect(await answer.json()).toMatchObject({ status: 400, detail: expect.stringMatching(/url: expected an http/) });
  });
});
