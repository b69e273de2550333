import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConfig, loadConfig, subgraphSettings } from '../../src/config';
import { registrationProblems } from '../../src/config/discovery';
import { readTargetFile } from '../../src/subgraph/discovery/file-source';
import { createYamlFile } from './yaml-file';

// Real: the YAML file on disk. Observed: the settings of one subgraph, or the printed problems.
const { directory, file, configOf, problemsOf, load, remove } = createYamlFile();
afterAll(remove);

const yaml = (discovery: string) => `subgraphs:\n  overrides:\n    users:\n      discovery: ${discovery}\n`;
const discoveryOf = (discovery: string) => subgraphSettings(configOf(yaml(discovery)), 'users').discovery;

describe('where the instances of a subgraph are learned', () => {
  it.each([
    ['{ kind: dns }', { kind: 'dns', minTtlMs: 1_000, maxTtlMs: 30_000 }],
    [
      '{ kind: dns, minTtlMs: 60000, servers: ["10.0.0.2", "[::1]:53"] }',
      { kind: 'dns', minTtlMs: 60_000, maxTtlMs: 60_000, servers: ['10.0.0.2', '[::1]:53'] },
    ],
    ['{ kind: dns, maxTtlMs: 500 }', { kind: 'dns', minTtlMs: 500, maxTtlMs: 500 }],
    ['{ kind: srv, name: _a._tcp.b }', { kind: 'srv', name: '_a._tcp.b', minTtlMs: 1_000, maxTtlMs: 30_000 }],
    ['{ kind: file, path: targets.yaml }', { kind: 'file', path: `${directory}/targets.yaml`, pollMs: 1_000 }],
    ['{ kind: registration }', { kind: 'registration', ttlMs: 30_000 }],
  ])('is %s with its defaults', (text, expected) => {
    expect(discoveryOf(text)).toEqual(expected);
  });

  it.each([
    ['{ kind: consul }', /discovery\.kind: expected one of dns, srv, file, registration/],
    ['{ kind: srv }', /discovery\.name: "srv" needs it/],
    ['{ kind: file, pollMs: 5 }', /discovery\.path: "file" needs it/],
    ['{ kind: dns, path: a.yaml }', /discovery\.path: not for "dns", which knows minTtlMs, maxTtlMs, servers/],
    ['{ kind: dns, ttl: 5 }', /unknown key "ttl"/],
    ['{ kind: dns, minTtlMs: 5, maxTtlMs: 4 }', /discovery\.minTtlMs: must not be over maxTtlMs/],
    ['{ kind: dns, servers: [dns.internal] }', /discovery\.servers\[0\]: expected an address/],
    ['{ kind: dns, servers: ["10.0.0.2:99999"] }', /expected an address/],
    ['{ kind: dns }\n      instances: [{ url: "http://a" }]', /discovery: give either `instances` or `discovery`/],
  ])('is refused with its place: %s', (text, message) => {
    expect(problemsOf(yaml(text))).toEqual([expect.stringMatching(message)]);
  });

  it('is not given beside instances from the environment', () => {
    expect(problemsOf(yaml('{ kind: dns }'), { SUBGRAPH_USERS_URLS: 'http://a' })).toEqual([
      expect.stringMatching(/give either/),
    ]);
  });

  it('is as the chapter on subgraphs that fail shows it', () => {
    const chapter = readFileSync(join(__dirname, '../../docs/resilience.md'), 'utf8');
    const examples = [...chapter.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => configOf(text));
    const kinds = examples.flatMap(({ subgraphs }) =>
      Object.values(subgraphs.overrides).flatMap(({ discovery }) => discovery?.kind ?? []),
    );
    expect(kinds).toEqual(['dns', 'srv', 'file', 'registration']);
    const probes = examples.map(({ subgraphs }) => subgraphs.defaults.health.probe);
    expect(probes).toContainEqual({ ...createConfig().subgraphs.defaults.health.probe, kind: 'http' });
    const [, targets = ''] = /```json\n([\s\S]*?)```/.exec(chapter) ?? [];
    const read = readTargetFile('carts.json', targets, new URL('http://carts.internal:4002/graphql'));
    expect(read.kind === 'read' && read.addresses.map(({ weight, zone }) => [weight, zone])).toEqual([
      [2, 'eu-1a'],
      [2, 'eu-1a'],
      [1, 'eu-1b'],
    ]);
  });

  it('asks for the admin port where instances register themselves', () => {
    load(yaml('{ kind: registration }'));
    expect(loadConfig({ file, env: {}, check: registrationProblems })).toMatchObject({
      kind: 'problems',
      problems: [{ line: 4, path: 'subgraphs.overrides.users.discovery', message: /the section `admin` is needed/ }],
    });
    load(`admin: {}\n${yaml('{ kind: registration }')}`);
    expect(loadConfig({ file, env: {}, check: registrationProblems }).kind).toBe('config');
  });
});

describe('how instances are preferred and probed', () => {
  it('takes the zone of the gateway from a variable', () => {
    const config = configOf('subgraphs: { overrides: { users: { instances: [{ url: "http://a", zone: b }] } } }', {
      SUPERGATE_ZONE: 'b',
    });
    expect(subgraphSettings(config, 'users')).toMatchObject({ zone: 'b', instances: [{ zone: 'b' }] });
    expect(subgraphSettings(config, 'posts').zone).toBe('b');
  });

  it('lays what is set for one subgraph over what is set for all', () => {
    const config = configOf(
      'subgraphs: { defaults: { health: { probe: { kind: http, timeoutMs: 9 } } }, overrides: { users: { health: { probe: { path: /up } } } } }',
    );
    expect(subgraphSettings(config, 'users').health.probe).toEqual({
      kind: 'http',
      path: '/up',
      timeoutMs: 9,
      intervalMs: 5_000,
      failures: 2,
      successes: 2,
    });
    expect(subgraphSettings(config, 'posts').health).toMatchObject({ ejectionMs: 1_000, probe: { path: '/health' } });
  });
});
