import type { FetchNode, QueryPlanSelectionNode } from '@apollo/query-planner';
import { buildSchema } from 'graphql';
import { createFetch, type PlannedFetch } from '../../src/query-plan/fetch-list';
import { omitKnownTypes } from '../../src/query-plan/known-types';

const schema = buildSchema(`
  type Query { user: User users: [User!] media: [Media!] }
  interface Media { author: Person }
  interface Person { id: ID! }
  type Book implements Media { author: User chapter: Chapter }
  type Film implements Media { author: User }
  type Chapter { id: ID! }
  type User implements Person { id: ID! friends: [User!] name: String }
`);

function fetch(operation: string, more: Partial<FetchNode> = {}): PlannedFetch {
  const operationKind = 'query' as FetchNode['operationKind'];
  const node: FetchNode = {
    kind: 'Fetch',
    serviceName: 'a',
    operation,
    operationName: undefined,
    operationKind,
    ...more,
  };
  return createFetch(node, [], undefined);
}

function entities(path: string, type: string, selection: string, more: Partial<FetchNode> = {}): PlannedFetch {
  const requires: QueryPlanSelectionNode[] = [
    { kind: 'InlineFragment', typeCondition: type, selections: [{ kind: 'Field', name: 'id' }] },
  ];
  const operation = `query($representations:[_Any!]!){_entities(representations:$representations){...on ${type}${selection}}}`;
  const { node } = fetch(operation, { requires, ...more });
  return createFetch(node, path.split('.'), requires);
}

/** What each fetch asks, and of which type its objects are. */
function shorten(...fetches: PlannedFetch[]): string[] {
  omitKnownTypes(fetches, schema);
  return fetches.map(({ node, typeName }) => {
    const [, selection] = /_entities\(.*?\)(.*)\}$/.exec(node.operation) ?? [];
    return selection === undefined ? node.operation : `${typeName}: ${selection}`;
  });
}

describe('the types that fetches ask for', () => {
  it('are left out where all objects are of one, in lists and below entities too', () => {
    const told = shorten(
      fetch('{users{__typename id}}'),
      entities('users.@', 'User', '{friends{__typename id}}'),
      entities('users.@.friends.@', 'User', '{name}'),
    );
    expect(told).toEqual(['{users{id}}', 'User: {...on User{friends{id}}}', 'User: {...on User{name}}']);
  });

  it('are asked where objects of several may be, and everywhere below', () => {
    const root = '{media{__typename ...on Book{author{__typename id}chapter{__typename id}}...on Film{author{id}}}}';
    expect(shorten(fetch(root), entities('media.@.chapter', 'Chapter', '{__typename id}'))).toEqual([
      root,
      'undefined: {...on Chapter{__typename id}}',
    ]);
  });

  it('are asked where entities are called by the name of an interface', () => {
    const told = shorten(fetch('{user{__typename id}}'), entities('user', 'Person', '{friends{__typename id}}'));
    expect(told).toEqual(['{user{id}}', 'User: {...on Person{friends{__typename id}}}']);
  });

  it('are asked where nothing else would be', () => {
    expect(shorten(fetch('{user{__typename}}'))).toEqual(['{user{__typename}}']);
  });

  it('are asked when a rewrite or a condition inside of requirements looks at them', () => {
    const outputRewrites = [{ kind: 'KeyRenamer' as const, path: ['user', '... on User', 'id'], renameKeyTo: 'key' }];
    const root = '{user{__typename id}}';
    expect(shorten(fetch(root, { outputRewrites }))).toEqual([root]);
    const condition: QueryPlanSelectionNode = { kind: 'InlineFragment', typeCondition: 'User', selections: [] };
    const inner: QueryPlanSelectionNode = { kind: 'Field', name: 'friends', selections: [condition] };
    const requires: QueryPlanSelectionNode[] = [{ kind: 'InlineFragment', typeCondition: 'User', selections: [inner] }];
    const { node } = entities('user', 'User', '{name}', { requires });
    expect(shorten(fetch(root), createFetch(node, ['user'], requires))[0]).toBe(root);
  });
});
