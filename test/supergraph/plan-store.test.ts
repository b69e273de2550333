import { createHash } from 'node:crypto';
import type { QueryPlan } from '@apollo/query-planner';
import { type PlanStore, type SharedPlansOptions, sharePlans } from '../../src/supergraph/plan-store';
import { silentLog } from '../../src/telemetry/log';

/** Fake: the store and the planner. Observed: what is asked of the store and of the planner. */
const sdl = `
  schema { query: Query }
  enum join__Graph { POSTS @join__graph(name: "posts", url: "") USERS @join__graph(name: "users", url: "") }
  type Query @join__type(graph: USERS) { users: [User!]! @join__field(graph: USERS) }
  type User @join__type(graph: USERS, key: "id") @join__type(graph: POSTS, key: "id") {
    id: ID!
    posts: [Post!]! @join__field(graph: POSTS)
  }
  type Post @join__type(graph: POSTS) { title: String }`;
const supergraph = {
  sdl,
  subgraphs: [{ name: 'users' }, { name: 'posts' }],
};
const settings = { maxEvaluatedPlans: 1, maxPaths: 1, maxFetches: 2, maxDepth: 3 };
const document = '{users{id posts{title}}}';

const users = {
  kind: 'Fetch',
  serviceName: 'users',
  variableUsages: [],
  operation: '{users{__typename id}}',
  operationKind: 'query',
};
const posts = {
  kind: 'Fetch',
  serviceName: 'posts',
  requires: [
    {
      kind: 'InlineFragment',
      typeCondition: 'User',
      selections: [
        { kind: 'Field', name: '__typename' },
        { kind: 'Field', name: 'id' },
      ],
    },
  ],
  variableUsages: [],
  operation: 'query($representations:[_Any!]!){_entities(representations:$representations){...on User{posts{title}}}}',
  operationKind: 'query',
  outputRewrites: [{ kind: 'KeyRenamer', path: ['... on User', 'posts__alias_0'], renameKeyTo: 'posts' }],
};
const plan = {
  kind: 'QueryPlan',
  node: { kind: 'Sequence', nodes: [users, { kind: 'Flatten', path: ['users', '@'], node: posts }] },
};

class MapStore implements PlanStore {
  readonly entries = new Map<string, string>();
  readonly lifetimes: number[] = [];
  async get(key: string): Promise<string | undefined> {
    return this.entries.get(key);
  }
  set(key: string, value: string, lifetimeMs: number): void {
    this.entries.set(key, value);
    this.lifetimes.push(lifetimeMs);
  }
}

function open(store: PlanStore, changes: Partial<SharedPlansOptions> = {}, itsSdl = sdl, answer: unknown = plan) {
  const asked: string[] = [];
  const planner = {
    async plan(text: string) {
      asked.push(text);
      return structuredClone(answer) as QueryPlan;
    },
  };
  const options = { store, lifetimeMs: 60_000, settings, log: silentLog, ...changes };
  return { asked, planner: sharePlans(planner, { ...supergraph, sdl: itsSdl }, options) };
}

/** The plan with something else at a path: `['node', 'nodes', 0]`. */
function planWith(path: readonly (string | number)[], value: unknown): string {
  const copy: unknown = structuredClone(plan);
  let target = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) target = target[step] as Record<string | number, unknown>;
  target[path.at(-1)!] = value;
  return JSON.stringify(copy);
}

const inUsers = (name: string) => ['node', 'nodes', 0, name];
const inPosts = (...path: (string | number)[]) => ['node', 'nodes', 1, 'node', ...path];

describe('plans in a store', () => {
  it('are planned once and read by every other gateway', async () => {
    const store = new MapStore();
    const [one, other] = [open(store), open(store)];
    expect(await one.planner.plan(document)).toEqual(plan);
    expect(await other.planner.plan(document)).toEqual(plan);
    expect([one.asked, other.asked]).toEqual([[document], []]);
    expect(store.lifetimes).toEqual([60_000]);
  });

  it('are kept together by the hash of their supergraph', async () => {
    const store = new MapStore();
    await open(store).planner.plan(document);
    const [hash] = [sdl].map((text) => createHash('sha256').update(text).digest('hex'));
    expect([...store.entries.keys()]).toEqual([
      expect.stringMatching(new RegExp(`^supergate:plan:\\{${hash}\\}:[0-9a-f]{16}:[0-9a-f]{64}$`)),
    ]);
  });

  it.each([
    ['another supergraph', {}, `${sdl} `],
    ['other settings of the planner', { settings: { ...settings, maxFetches: 3 } }, sdl],
  ])('are not those of %s', async (_name, changes, itsSdl) => {
    const store = new MapStore();
    await open(store).planner.plan(document);
    const other = open(store, changes, itsSdl);
    await other.planner.plan(document);
    expect(other.asked).toEqual([document]);
  });

  it('are not written when nothing can resolve the operation', async () => {
    const store = new MapStore();
    await open(store, {}, sdl, { kind: 'QueryPlan' }).planner.plan(document);
    expect(store.entries.size).toBe(0);
  });

  const bad: [string, string][] = [
    ['nothing', ''],
    ['no JSON', '{"kind":"QueryPlan"'],
    ['JSON of something else', '["QueryPlan"]'],
    [
      'nesting beyond the stack',
      `{"kind":"QueryPlan","node":${'{"kind":"Flatten","path":[],"node":'.repeat(20_000)}{}${'}'.repeat(20_001)}`,
    ],
    ['no node', planWith(['node'], undefined)],
    ['a node of an unknown kind', planWith(['node', 'kind'], 'constructor')],
    ['a deferred part', planWith(['node'], { kind: 'Defer', primary: {}, deferred: [] })],
    ['nodes that are not a list', planWith(['node', 'nodes'], { length: 1 })],
    ['an unknown subgraph', planWith(inUsers('serviceName'), 'admin')],
    ['a subgraph named as what every object has', planWith(inUsers('serviceName'), 'toString')],
    ['no operation', planWith(inUsers('operation'), undefined)],
    ['an operation that is not GraphQL', planWith(inUsers('operation'), '{users{')],
    ['two operations', planWith(inUsers('operation'), 'query a{users{id}} query b{users{id}}')],
    [
      'a mutation for a query',
      planWith(['node'], { ...users, operation: 'mutation{deleteUsers}', operationKind: 'mutation' }),
    ],
    ['a mutation called a query', planWith(['node'], { ...users, operation: 'mutation{deleteUsers}' })],
    ['a path of objects', planWith(['node', 'nodes', 1, 'path'], [{}])],
    ['a path through a prototype', planWith(['node'], { kind: 'Flatten', path: ['__proto__'], node: users })],
    ['requirements that are none', planWith(inPosts('requires'), [{ kind: 'Field' }])],
    ['a requirement that is fetched by nobody', planWith(inPosts('requires', 0, 'selections', 1, 'name'), 'secret')],
    ['a rewrite of a prototype', planWith(inPosts('outputRewrites', 0, 'renameKeyTo'), '__proto__')],
    [
      'arguments from a context that set a value',
      planWith(inUsers('contextRewrites'), [{ kind: 'ValueSetter', path: ['a'], setValueTo: 'b' }]),
    ],
    ['more than a plan may be', `${' '.repeat(2_000_001)}${JSON.stringify(plan)}`],
  ];
  it.each(bad)('are planned anew, and written again, where the store has %s', async (_name, text) => {
    const store = new MapStore();
    await open(store).planner.plan(document);
    const [key] = [...store.entries.keys()];
    store.entries.set(key!, text);
    const warnings: unknown[] = [];
    const log = { ...silentLog, warn: (fields: unknown) => warnings.push(fields) };
    const { planner, asked } = open(store, { log });
    expect(await planner.plan(document)).toEqual(plan);
    expect(asked).toEqual([document]);
    expect(warnings).toEqual([{ key }]);
    expect(store.entries.get(key!)).toBe(JSON.stringify(plan));
  });

  it('reject as the planner does, and nothing is written', async () => {
    const store = new MapStore();
    const failing = { plan: () => Promise.reject(new Error('no plan')) };
    const planner = sharePlans(failing, supergraph, { store, lifetimeMs: 1, settings, log: silentLog });
    await expect(planner.plan(document)).rejects.toThrow('no plan');
    expect(store.entries.size).toBe(0);
  });
});
