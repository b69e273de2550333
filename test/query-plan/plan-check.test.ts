import type { FetchNode, PlanNode } from '@apollo/query-planner';
import { findPlanDefect } from '../../src/query-plan/plan-check';
import { readSupergraphTypes } from '../../src/supergraph/supergraph-types';

/** Plain data in, a sentence out: plans as the planner makes them, and as it should not. */
const types = readSupergraphTypes(`
  enum join__Graph { SHOP @join__graph(name: "shop", url: "") STOCK @join__graph(name: "stock", url: "") }
  schema { query: Query }
  type Query @join__type(graph: SHOP) @join__type(graph: STOCK) {
    product: Product @join__field(graph: SHOP)
    best: Product @join__field(graph: STOCK)
    given: Product @join__field(graph: STOCK, provides: "price")
  }
  type Product @join__type(graph: SHOP, key: "id") @join__type(graph: STOCK, key: "id") {
    id: ID!
    price: Int @join__field(graph: SHOP) @join__field(graph: STOCK, external: true)
    shipping: Int @join__field(graph: STOCK, requires: "price")
    label: String @join__field(graph: STOCK, requires: "id")
  }
`);

function root(subgraph: string, operation: string): FetchNode {
  return { kind: 'Fetch', serviceName: subgraph, operationKind: 'query' as never, operation, operationName: undefined };
}

function entities(subgraph: string, path: string[], required: string[], selected: string): PlanNode {
  const selections = ['__typename', 'id', ...required].map((name) => ({ kind: 'Field' as const, name }));
  const operation = `query($representations:[_Any!]!){_entities(representations:$representations){...on Product{${selected}}}}`;
  const requires = [{ kind: 'InlineFragment' as const, typeCondition: 'Product', selections }];
  return { kind: 'Flatten', path, node: { ...root(subgraph, operation), requires } };
}

const check = (...nodes: PlanNode[]) => findPlanDefect({ kind: 'QueryPlan', node: { kind: 'Sequence', nodes } }, types);

describe('a query plan', () => {
  it('is sound when each requirement is fetched before it is needed', () => {
    const plan = [
      root('shop', '{product{__typename id price}}'),
      entities('stock', ['product'], ['price'], 'shipping'),
    ];
    expect(check(...plan)).toBeUndefined();
  });

  it('is defective when a requirement is fetched too late', () => {
    const late = entities('shop', ['product'], [], 'price');
    const plan = [
      root('stock', '{product{__typename id}}'),
      entities('stock', ['product'], ['price'], 'shipping'),
      late,
    ];
    expect(check(...plan)).toBe('stock at product requires product.price, which is fetched too late or not at all');
  });

  it('is defective when a requirement is fetched beside what needs it', () => {
    const both: PlanNode = {
      kind: 'Parallel',
      nodes: [entities('shop', ['product'], [], 'price'), entities('stock', ['product'], ['price'], 'shipping')],
    };
    expect(check(root('stock', '{product{__typename id}}'), both)).toContain('requires product.price');
  });

  it('is defective when a field with requirements is asked where it is not given them', () => {
    expect(check(root('stock', '{best{shipping}}'))).toBe('stock is asked for Product.shipping at best without price');
  });

  it('is defective when an entity is asked for such a field with its key alone', () => {
    const plan = [root('shop', '{product{__typename id price}}'), entities('stock', ['product'], [], 'shipping')];
    expect(check(...plan)).toContain('Product.shipping');
  });

  it('is sound when the subgraph provides the requirement there, or it is its own key', () => {
    expect(check(root('stock', '{given{price shipping}}'))).toBeUndefined();
    expect(check(root('stock', '{best{label}}'))).toBeUndefined();
  });

  it('is sound through lists, aliases and fragments', () => {
    const first = root('shop', '{products:product{...on Product{__typename id price}}}');
    expect(check(first, entities('stock', ['products', '@'], ['price'], 's:shipping'))).toBeUndefined();
  });
});
