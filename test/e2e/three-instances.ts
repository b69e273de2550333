/**
 * A gateway before three instances of a subgraph, each a process of its own that can be killed, frozen and made slow, and
 * clients that ask without a pause. Real: all processes, their signals, HTTP. Shared by the test and the probe beside it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { type GatewayProcess, startGatewayProcess } from './rolling-restarts';

/** One instance, at the same port whenever it is started. */
export class InstanceProcess {
  #child: ChildProcess | undefined;
  port = 0;

  async start(): Promise<void> {
    this.#child = fork(join(__dirname, 'instance.cjs'), [String(this.port)], { stdio: 'inherit' });
    const [{ port }] = (await once(this.#child, 'message')) as [{ port: number }];
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/graphql`;
  }

  /** Changes how it answers; resolves when it does. */
  async answer(how: { readonly delayMs?: number; readonly status?: number }): Promise<void> {
    const told = once(this.#child as ChildProcess, 'message');
    this.#child?.send(how);
    await told;
  }

  async requests(): Promise<number> {
    const told = once(this.#child as ChildProcess, 'message');
    this.#child?.send('count');
    const [{ requests }] = (await told) as [{ requests: number }];
    return requests;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }
}

export interface Asked {
  readonly tookMs: number;
  /** `ok`, or the code of the first error. */
  readonly outcome: string;
}

export interface ThreeInstances {
  readonly instances: readonly InstanceProcess[];
  readonly gateway: GatewayProcess;
  /** One query; the gateway shares none. */
  ask(): Promise<Asked>;
  /** So many clients ask without a pause until `stop`, which resolves to what each request came to. */
  load(clients: number): { readonly stop: () => Promise<readonly Asked[]>; readonly soFar: readonly Asked[] };
  close(): Promise<void>;
}

export async function startThreeInstances(): Promise<ThreeInstances> {
  const instances = [new InstanceProcess(), new InstanceProcess(), new InstanceProcess()];
  await Promise.all(instances.map((instance) => instance.start()));
  const directory = mkdtempSync(join(tmpdir(), 'supergate-instances-'));
  const urls = instances.map(({ url }) => url);
  const sdl = 'type Query { hello: String }';
  const files = {
    'a.graphql': sdl,
    'supergraph.yaml': `subgraphs: { a: { routing_url: "${urls[0]}", schema: { file: ./a.graphql } } }`,
    'gateway.yaml': `server: { port: 0 }\ntelemetry: { logLevel: warn }\ntimeouts: { readinessMs: 0 }\nsharing: { queries: false, subgraphQueries: false }\noverload: { shedding: false }\nsubgraphs: { overrides: { a: { instances: ${JSON.stringify(urls.map((url) => ({ url })))} } } }\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const gateway = await startGatewayProcess(directory);
  const agent = new Agent({ connections: 256, headersTimeout: 60_000, bodyTimeout: 60_000 });
  const ask = async (): Promise<Asked> => {
    const startedAt = performance.now();
    const { body } = await request(gateway.graphqlUrl, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ hello }"}',
    });
    const { data, errors } = (await body.json()) as {
      data?: { hello: string | null };
      errors?: { extensions: { code: string } }[];
    };
    const outcome = data?.hello === 'world' ? 'ok' : (errors?.[0]?.extensions.code ?? 'nothing');
    return { tookMs: performance.now() - startedAt, outcome };
  };
  return {
    instances,
    gateway,
    ask,
    load(clients) {
      const soFar: Asked[] = [];
      let isOver = false;
      const client = async () => {
        while (!isOver) soFar.push(await ask());
      };
      const running = Promise.all(Array.from({ length: clients }, client));
      const stop = async () => {
        isOver = true;
        await running;
        return soFar;
      };
      return { stop, soFar };
    },
    async close() {
      for (const instance of instances) instance.thaw();
      await Promise.all(instances.map((instance) => instance.kill()));
      await gateway.end('SIGKILL');
      await agent.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** How often each outcome came. */
export function tally(asked: readonly Asked[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome } of asked) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
