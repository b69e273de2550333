import type { FetchNode, PlanNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import { listFetches, type PlannedFetch, UnsoundPlan } from '../../src/query-plan/fetch-list';

/** Plans as the planner writes them. */
const key = (type: string, ...names: string[]): QueryPlanSelectionNode => ({
  kind: 'InlineFragment',
  typeCondition: type,
  selections: ['__typename', ...names].map((name) => ({ kind: 'Field', name })),
});
const fetch = (serviceName: string, operation: string, more: Partial<FetchNode> = {}): FetchNode => ({
  kind: 'Fetch',
  serviceName,
  operation,
  operationName: undefined,
  operationKind: 'query' as FetchNode['operationKind'],
  ...more,
});
const entities = (serviceName: string, type: string, fields: string, keyName = 'id', more: Partial<FetchNode> = {}) =>
  fetch(
    serviceName,
    `query($representations:[_Any!]!){_entities(representations:$representations){...on ${type}{${fields}}}}`,
    { requires: [key(type, keyName)], ...more },
  );
const at = (path: string, node: PlanNode): PlanNode => ({ kind: 'Flatten', path: path.split('.'), node });
const inSequence = (...nodes: PlanNode[]): PlanNode => ({ kind: 'Sequence', nodes });
const atOnce = (...nodes: PlanNode[]): PlanNode => ({ kind: 'Parallel', nodes });
const plan = (node: PlanNode): QueryPlan => ({ kind: 'QueryPlan', node });

/** `b <- a`: each fetch and those that it waits for, by their subgraphs. */
function waits(fetches: readonly PlannedFetch[]): string[] {
  return fetches.map(({ node, after }) => `${node.serviceName} <- ${[...after].map((one) => one.node.serviceName)}`);
}

describe('the fetches of a plan', () => {
  it('wait for those that bring what they send, and for no other that the planner put before them', () => {
    const node = inSequence(
      atOnce(fetch('a', '{users{__typename id}}'), fetch('b', '{shops{__typename sku}}')),
      at('users.@', entities('c', 'User', 'name')),
      atOnce(at('shops.@', entities('d', 'Shop', 'open', 'sku')), at('users.@', entities('e', 'User', 'age'))),
    );
    const fetches = listFetches(plan(node), '{users{name age}shops{open}}');
    expect(waits(fetches)).toEqual(['a <- ', 'b <- ', 'c <- a', 'd <- b', 'e <- a']);
    expect(fetches.map(({ path }) => path.join('.'))).toEqual(['', '', 'users.@', 'shops.@', 'users.@']);
  });

  it('wait for all that bring parts of what they send', () => {
    const node = inSequence(
      fetch('a', '{user{__typename id}}'),
      at('user', entities('b', 'User', 'code')),
      at('user', entities('c', 'User', 'name', 'code')),
    );
    expect(waits(listFetches(plan(node), '{user{name}}'))).toEqual(['a <- ', 'b <- a', 'c <- a,b']);
  });

  it('know what a subgraph answers under another name, and all that is below it', () => {
    const renamed = fetch('a', '{named{__typename ...on Ticket{label__alias_0:label{__typename ...on Store{id}}}}}', {
      outputRewrites: [
        { kind: 'KeyRenamer', path: ['named', '... on Ticket', 'label__alias_0'], renameKeyTo: 'label' },
      ],
    });
    const node = inSequence(renamed, at('named.@.label', entities('b', 'Store', 'far')));
    const document = '{named{...on Ticket{label{...on Store{far}}}}}';
    expect(waits(listFetches(plan(node), document))).toEqual(['a <- ', 'b <- a']);
  });

  it('know it when one renamed field is below another', () => {
    const renamed = fetch('a', '{x__a:x{y__a:y{id}}}', {
      outputRewrites: [
        { kind: 'KeyRenamer', path: ['x__a'], renameKeyTo: 'x' },
        { kind: 'KeyRenamer', path: ['x__a', 'y__a'], renameKeyTo: 'y' },
      ],
    });
    expect([...(listFetches(plan(renamed), '{x{y{id}}}')[0]?.writes ?? [])]).toContain('x.y.id');
  });

  it('begin with the one of a subscription, for which the rest waits', () => {
    const node = {
      kind: 'Subscription' as const,
      primary: fetch('a', 'subscription{changed{__typename id}}'),
      rest: at('changed', entities('b', 'User', 'name')),
    };
    const fetches = listFetches({ kind: 'QueryPlan', node } as QueryPlan, 'subscription{changed{name}}');
    expect(waits(fetches)).toEqual(['a <- ', 'b <- a']);
    expect(fetches.map(({ isPrimary }) => isPrimary)).toEqual([true, false]);
  });
});

describe('a plan that cannot be right', () => {
  it('has a fetch whose key nobody brings before it', () => {
    const node = inSequence(
      fetch('a', '{user{__typename name}}'),
      at('user', entities('b', 'User', 'age')),
      at('user', entities('c', 'User', 'id')),
    );
    expect(() => listFetches(plan(node), '{user{age id}}')).toThrow(new UnsoundPlan('b at user needs user.id'));
  });

  it('fetches a field of the operation nowhere', () => {
    const node = fetch('a', '{user{id}}');
    expect(() => listFetches(plan(node), '{user{id friend{name}}}')).toThrow('user.friend is fetched nowhere');
  });

  it('is no plan: what stands under a type condition may well match nothing', () => {
    const node = fetch('a', '{user{__typename}}');
    expect(listFetches(plan(node), '{user{__typename ...on Ghost{name}}}')).toHaveLength(1);
  });

  it('forgets the context that an argument comes from', () => {
    const contextRewrites = [
      { kind: 'KeyRenamer' as const, path: ['..', 'locale'], renameKeyTo: 'contextualArgument_0' },
    ];
    const node = inSequence(
      fetch('a', '{user{__typename id post{__typename id}}}'),
      at('user.post', entities('b', 'Post', 'title', 'id', { contextRewrites } as Partial<FetchNode>)),
    );
    expect(() => listFetches(plan(node), '{user{post{title}}}')).toThrow('b at user.post needs contextualArgument_0');
  });
});
