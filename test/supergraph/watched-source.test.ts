import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { formatProblem } from '../../src/config/yaml-file';
import type { ManagedSupergraph, SupergraphHooks } from '../../src/supergraph/manager';
import { type WatchedSourceOptions, watchSupergraph } from '../../src/supergraph/watched-source';
import { silentLog } from '../../src/telemetry/log';

// Real: files, composition (in this thread). Fake: time, the network, the gateway behind the hooks.
// Observed: what the gateway is offered and told, in order.
const directory = mkdtempSync(join(tmpdir(), 'supergate-watch-'));
afterAll(() => rmSync(directory, { recursive: true }));
let file: string;
let number = 0;

const told: string[] = [];
/** Each wait of the source, until the test lets it pass. */
let waits: { milliseconds: number; pass: () => void }[];
let managed: ManagedSupergraph | undefined;
beforeEach(() => {
  told.length = 0;
  waits = [];
  managed = undefined;
  number += 1;
  file = join(directory, `${number}.yaml`);
});
afterEach(() => managed?.cleanup?.());

const hooks: Pick<SupergraphHooks, 'update' | 'compose' | 'reportUnreadable'> = {
  async update(sdl) {
    told.push(`update ${queryFields(sdl)}`);
    managed?.onServed?.(sdl);
  },
  async compose(subgraphs) {
    const services = subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) }));
    const { supergraphSdl, errors = [] } = composeServices(services);
    if (supergraphSdl !== undefined) return { kind: 'composed', supergraphSdl, hints: [] };
    return { kind: 'not-composed', errors: errors.map(({ message }) => ({ code: 'C', message, locations: [] })) };
  },
  reportUnreadable: (reason) => told.push(`unreadable ${reason.replaceAll(directory, '.')}`),
};

function queryFields(sdl: string): string {
  const body = /type Query[^{]*\{([^}]*)\}/.exec(sdl)?.[1] ?? '?';
  return [...body.matchAll(/(\w+): Int/g)].map(([, name]) => name).join();
}

async function start(options: Partial<WatchedSourceOptions> = {}): Promise<string> {
  const manager = watchSupergraph({
    source: file,
    env: {},
    watch: true,
    pollMs: 10_000,
    timeoutMs: 1_000,
    headers: {},
    log: silentLog,
    fetch: () => Promise.reject(new Error('no test gave an answer')),
    random: () => 0.5,
    wait: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', reject, { once: true });
        waits.push({ milliseconds, pass: resolve });
      }),
    ...options,
  });
  managed = await manager.initialize(hooks as SupergraphHooks);
  return queryFields(managed.supergraphSdl);
}

/** Lets so many waits pass, each after what follows from the one before is done. */
async function pass(count = 1): Promise<number[]> {
  const passed: number[] = [];
  for (let index = 0; index < count; index++) {
    while (waits.length === 0) await new Promise(setImmediate);
    const [wait] = waits.splice(0, 1);
    passed.push(wait!.milliseconds);
    wait!.pass();
  }
  while (waits.length === 0) await new Promise(setImmediate);
  return passed;
}

const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])\n';
const schema = (...fields: string[]) => `${link}type Query { ${fields.map((name) => `${name}: Int`).join(' ')} }`;
const subgraph = (name: string, source: string) =>
  `  ${name}:\n    routing_url: http://${name}.test\n    schema: { ${source} }\n`;
const composed = (...fields: string[]) =>
  composeServices([{ name: 'a', url: 'http://a.test', typeDefs: parse(schema(...fields)) }]).supergraphSdl!;

describe('files', () => {
  const sdl = () => join(directory, `${number}.graphql`);
  beforeEach(() => {
    writeFileSync(file, `subgraphs:\n${subgraph('a', `file: ${number}.graphql`)}`);
    writeFileSync(sdl(), schema('one'));
  });

  it('are offered again when one has changed and is the same at two looks', async () => {
    expect(await start()).toBe('one');
    expect(await pass(2)).toEqual([500, 500]);
    writeFileSync(sdl(), `${schema('one')} type`);
    await pass();
    writeFileSync(sdl(), schema('one', 'two'));
    await pass();
    expect(told).toEqual([]);
    await pass();
    expect(told).toEqual(['update one,two']);
    await pass(3);
    expect(told).toHaveLength(1);
  });

  it('that do not compose are told once, and what comes after is offered', async () => {
    await start();
    writeFileSync(sdl(), `${link}type Query { one: Nothing }`);
    await pass(4);
    expect(told).toEqual([expect.stringMatching(/^unreadable supergraph: \.\/\d+\.yaml:1:1 C .*Nothing/)]);
    writeFileSync(sdl(), schema('three'));
    await pass(4);
    expect(told.slice(1)).toEqual(['update three']);
  });

  it('that are no YAML any more are told; back as they were, the old supergraph is offered, to end the alarm', async () => {
    await start();
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, 'subgraphs: [');
    await pass(4);
    expect(told).toEqual([expect.stringMatching(/^unreadable /)]);
    writeFileSync(file, before);
    await pass(4);
    expect(told.slice(1)).toEqual(['update one']);
  });

  it('that a change of supergraph.yaml brings are watched from then on', async () => {
    await start();
    writeFileSync(join(directory, `${number}-b.graphql`), schema('b'));
    writeFileSync(file, `${readFileSync(file, 'utf8')}${subgraph('b', `file: ${number}-b.graphql`)}`);
    await pass(3);
    writeFileSync(join(directory, `${number}-b.graphql`), schema('b', 'c'));
    await pass(3);
    expect(told).toEqual(['update one,b', 'update one,b,c']);
  });

  it('are left alone when they are not watched', async () => {
    await start({ watch: false });
    writeFileSync(sdl(), schema('two'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([told, waits]).toEqual([[], []]);
  });

  it('that cannot be read at the start are refused, even if a supergraph was kept', async () => {
    const lastGoodFile = join(directory, `${number}-kept.graphql`);
    writeFileSync(lastGoodFile, composed('kept'));
    writeFileSync(sdl(), 'type Query {');
    await expect(start({ lastGoodFile })).rejects.toThrow('Syntax Error');
  });
});

describe('subgraphs that are introspected', () => {
  let answers: Record<string, string | undefined>;
  const fetch: typeof globalThis.fetch = async (url) => {
    const sdl = answers[String(url)];
    if (sdl === undefined) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    return Response.json({ data: { _service: { sdl } } });
  };
  beforeEach(() => {
    answers = { 'http://a.test/': schema('a'), 'http://b.test/': schema('b') };
    const entries = ['a', 'b'].map((name) => subgraph(name, `subgraph_url: "http://${name}.test/"`));
    writeFileSync(file, `subgraphs:\n${entries.join('')}`);
  });

  it('are asked after the configured time, give or take a fifth', async () => {
    await start({ fetch, watch: false, random: () => 0 });
    answers['http://a.test/'] = schema('a', 'more');
    expect(await pass()).toEqual([8_000]);
    expect(told).toEqual(['update a,more,b']);
  });

  it('keep their last schema while they do not answer', async () => {
    await start({ fetch, watch: false });
    answers = { 'http://b.test/': schema('b', 'more') };
    await pass();
    expect(told).toEqual(['update a,b,more']);
    answers['http://a.test/'] = schema('a2');
    await pass();
    expect(told[1]).toBe('update a2,b,more');
  });

  it('that are down at the start are an error, or leave what was served before', async () => {
    const lastGoodFile = join(directory, `${number}-kept.graphql`);
    answers = {};
    const failure = await start({ fetch, lastGoodFile }).catch((error: unknown) => error);
    expect((failure as { problems: never[] }).problems.map(formatProblem).join('\n')).toMatch(
      /subgraphs\.a\.schema\.subgraph_url: introspection failed: connect ECONNREFUSED/,
    );
    writeFileSync(lastGoodFile, composed('kept'));
    expect(await start({ fetch, lastGoodFile, watch: false })).toBe('kept');
    expect(told).toEqual([expect.stringMatching(/^unreadable .*introspection failed/)]);
    answers = { 'http://a.test/': schema('a'), 'http://b.test/': schema('b') };
    await pass();
    expect(told.slice(1)).toEqual(['update a,b']);
  });

  it('are kept for the next start once they are served', async () => {
    const lastGoodFile = join(directory, `${number}-kept.graphql`);
    await start({ fetch, lastGoodFile, watch: false });
    managed?.onServed?.(managed.supergraphSdl);
    await waitFor(() => queryFields(readFileSync(lastGoodFile, 'utf8')) === 'a,b');
    answers['http://a.test/'] = schema('later');
    await pass();
    await waitFor(() => queryFields(readFileSync(lastGoodFile, 'utf8')) === 'later,b');
  });
});

describe('a URL', () => {
  const requests: Record<string, string>[] = [];
  let answer: () => Response;
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    requests.push(init?.headers as Record<string, string>);
    return answer();
  };
  const source = 'https://registry.test/supergraph';
  const respond = (sdl: string, etag: string) => () => new Response(sdl, { headers: { etag } });
  beforeEach(() => {
    requests.length = 0;
    answer = respond(composed('one'), '"1"');
  });

  it('is asked with its headers and, from then on, whether it has changed', async () => {
    await start({ source, fetch, headers: { authorization: 'Bearer x' } });
    answer = () => new Response(null, { status: 304 });
    await pass();
    answer = respond(composed('two'), '"2"');
    await pass(2);
    expect(requests).toEqual([
      { authorization: 'Bearer x' },
      { authorization: 'Bearer x', 'if-none-match': '"1"' },
      { authorization: 'Bearer x', 'if-none-match': '"1"' },
      { authorization: 'Bearer x', 'if-none-match': '"2"' },
    ]);
    expect(told).toEqual(['update two']);
  });

  it.each([
    ['answers 503', () => new Response('no', { status: 503 }), /HTTP status 503/],
    [
      'is refused',
      () => {
        throw new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') });
      },
      /ECONNREFUSED/,
    ],
    ['is larger than a supergraph can be', () => new Response('x'.repeat(50_000_001)), /larger than 50000000 bytes/],
  ])('that %s is told, and that it is over', async (_name, fails, reason) => {
    await start({ source, fetch });
    answer = fails;
    await pass();
    expect(told).toEqual([expect.stringMatching(reason)]);
    answer = () => new Response(null, { status: 304 });
    await pass(2);
    expect(told.slice(1)).toEqual(['update one']);
  });

  it('is not asked any more when the gateway stops', async () => {
    await start({ source, fetch });
    await pass();
    await managed?.cleanup?.();
    const before = requests.length;
    for (const { pass: go } of waits) go();
    await new Promise(setImmediate);
    expect(requests).toHaveLength(before);
  });
});

async function waitFor(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) {
    try {
      if (holds()) return;
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it did not come true');
}
