import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';
import type { PlannedFetch } from '../../src/query-plan/fetch-list';
import { joinParts as joinInSlices } from '../../src/query-plan/fetch-parts';
import type { ApartField, OperationPart } from '../../src/query-plan/operation-parts';
import { finish } from '../../src/slices';
import { parseFieldSet } from '../../src/supergraph/join-directives';

const joinParts = (...given: Parameters<typeof joinInSlices>) => finish(joinInSlices(...given));

const fetch = (serviceName: string, operation: string): FetchNode => ({
  kind: 'Fetch',
  serviceName,
  operation,
  operationName: undefined,
  operationKind: 'query' as FetchNode['operationKind'],
});
const plan = (...nodes: PlanNode[]): QueryPlan => ({ kind: 'QueryPlan', node: { kind: 'Sequence', nodes } });
const entities = (subgraph: string, path: string, type: string, fields: string): PlanNode => ({
  kind: 'Flatten',
  path: path.split('.'),
  node: {
    ...fetch(
      subgraph,
      `query($representations:[_Any!]!){_entities(representations:$representations){...on ${type}{${fields}}}}`,
    ),
    requires: [
      {
        kind: 'InlineFragment',
        typeCondition: type,
        selections: [
          { kind: 'Field', name: '__typename' },
          { kind: 'Field', name: 'id' },
        ],
      },
    ],
  },
});

/** A field that `subgraph` answers for users at `path`, once it has their id and what else it requires. */
function apart(subgraph: string, path: string, required: Record<string, string> = {}, more: Partial<ApartField> = {}) {
  const entry = `_in_${subgraph}_User`;
  const needs = parseFieldSet(['id', ...Object.keys(required)].join(' '));
  const selections = [
    { kind: 'Field' as const, name: '__typename' },
    { kind: 'Field' as const, name: 'id', from: 'id' },
    ...Object.entries(required).map(([name, from]) => ({ kind: 'Field' as const, name, from })),
  ];
  const field: ApartField = {
    way: { subgraph, entity: 'User', entry, override: undefined, needs },
    path: path.split('.'),
    innerPath: path.split('.'),
    typeName: 'User',
    requires: [{ kind: 'InlineFragment', typeCondition: 'User', selections }],
    isRenamed: false,
    ...more,
  };
  return field;
}
const part = (text: string, field?: ApartField): OperationPart => ({ text, choices: [], apart: field });

function story(fetches: readonly PlannedFetch[]): string[] {
  return fetches.map(({ node, path, after }) => {
    const [, selection] = /\.\.\.on User\{(.*)\}\}\}$/.exec(node.operation) ?? [];
    return `${node.serviceName} at ${path.join('.') || 'root'} asks ${selection ?? node.operation} after ${[...after].map((one) => one.node.serviceName)}`;
  });
}

describe('the parts of an operation', () => {
  const root = fetch('a', '{user{__typename id price}}');

  it('become fetches of entities that wait for what they require, whichever part brings it', () => {
    const parts = [
      part('{user{id price}}'),
      part('{_in_c_User{size}}', apart('c', 'user', { weight: 'weight' })),
      part('{_in_b_User{weight}}', apart('b', 'user', { price: 'price' })),
    ];
    const plans = [plan(root), plan(fetch('c', '{_in_c_User{size}}')), plan(fetch('b', '{_in_b_User{weight}}'))];
    expect(story(joinParts(parts, plans))).toEqual([
      'a at root asks {user{__typename id price}} after ',
      'b at user asks weight after a',
      'c at user asks size after a,b',
    ]);
  });

  it('ask one subgraph at once what is ready together, and apart what takes a name from two places', () => {
    const two = [
      part('{user{id price}}'),
      part('{_in_b_User{weight}}', apart('b', 'user', { price: 'price' })),
      part('{_in_b_User{height}}', apart('b', 'user', { price: 'price' })),
      part('{_in_b_User{width}}', apart('b', 'user', { price: '_0_price' })),
    ];
    const first = fetch('a', '{user{__typename id price _0_price:price(in:EUR)}}');
    const plans = ['weight', 'height', 'width'].map((name) => plan(fetch('b', `{_in_b_User{${name}}}`)));
    expect(story(joinParts(two, [plan(first), ...plans])).slice(1)).toEqual([
      'b at user asks weight height after a',
      'b at user asks width after a',
    ]);
  });

  it('fetch what is below a part for no objects but its own', () => {
    const field = apart('b', 'things', {}, { innerPath: ['things', '... on User'], typeName: undefined });
    const parts = [part('{things{__typename ...on User{id}}}'), part('{_in_b_User{friend{name}}}', field)];
    const plans = [
      plan(fetch('a', '{things{__typename ...on User{id}}}')),
      plan(fetch('b', '{_in_b_User{friend{__typename id}}}'), entities('c', '_in_b_User.friend', 'User', 'name')),
    ];
    expect(joinParts(parts, plans).map(({ path }) => path)).toEqual([
      [],
      ['things'],
      ['things', '... on User', 'friend'],
    ]);
  });

  it('are no plan when the planner enters a subgraph twice', () => {
    const parts = [part('{user{id}}'), part('{_in_b_User{weight}}', apart('b', 'user'))];
    const twice: PlanNode = { kind: 'Parallel', nodes: [fetch('b', '{_in_b_User{weight}}'), fetch('b', '{other}')] };
    expect(() => joinParts(parts, [plan(root), plan(twice)])).toThrow('a part does not begin with one fetch');
  });
});
