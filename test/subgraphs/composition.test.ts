/**
 * The three schemas as one graph. Real: composition and the query planner. Nothing runs here: plans are read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { type PlanNode, QueryPlanner } from '@apollo/query-planner';
import { type DocumentNode, parse, print, printSchema, visit } from 'graphql';

const NAMES = ['users', 'payments', 'content'] as const;
const schemas = new Map(
  NAMES.map((name) => {
    const text = readFileSync(join(__dirname, `../../subgraphs/${name}/schema.graphql`), 'utf8');
    return [name, parse(text)] as const;
  }),
);
const composed = composeServices(
  NAMES.map((name) => ({ name, url: `http://${name}.invalid/graphql`, typeDefs: schemaOf(name) })),
);
const supergraph = Supergraph.build(composed.supergraphSdl ?? '', { supportedFeatures: null });
const planner = new QueryPlanner(supergraph, {});

function schemaOf(name: (typeof NAMES)[number]): DocumentNode {
  const schema = schemas.get(name);
  if (!schema) throw new Error(`no schema of ${name}`);
  return schema;
}

/** The subgraphs that a query asks, in order: `['payments', 'users']`. */
function fetchesOf(query: string): { subgraph: string; text: string }[] {
  const operation = operationFromDocument(supergraph.apiSchema(), parse(query));
  const plan = planner.buildQueryPlan(operation);
  const fetches: { subgraph: string; text: string }[] = [];
  const walk = (node: PlanNode): void => {
    if (node.kind === 'Fetch') fetches.push({ subgraph: node.serviceName, text: node.operation });
    else if (node.kind === 'Flatten') walk(node.node);
    else if (node.kind === 'Sequence' || node.kind === 'Parallel') for (const inner of node.nodes) walk(inner);
    else throw new Error(`unexpected ${node.kind}`);
  };
  if (plan.node?.kind === 'Subscription' || !plan.node) throw new Error('no plan');
  walk(plan.node);
  return fetches;
}

const subgraphsOf = (query: string) => fetchesOf(query).map(({ subgraph }) => subgraph);

describe('the three schemas', () => {
  it('compose without errors', () => {
    expect(composed.errors ?? []).toEqual([]);
  });

  it('give one hint, and that one is meant: the field that moved is still in content', () => {
    expect(composed.hints?.map(({ definition, message }) => `${definition.code}: ${message}`)).toEqual([
      'OVERRIDDEN_FIELD_CAN_BE_REMOVED: Field "Post.purchaseCount" on subgraph "content" is overridden. Consider removing it.',
    ]);
  });

  it.each([
    ['@key', 'payments', '@key(fields: "id")'],
    ['@key, several', 'content', '@key(fields: "slug")'],
    ['@key, composite', 'payments', '@key(fields: "userId postId")'],
    ['@key, nested', 'content', '@key(fields: "conversation { id } user { id }")'],
    ['@key, not resolvable', 'content', '@key(fields: "id", resolvable: false)'],
    ['@requires', 'payments', '@requires(fields: "discountPercent taxClass")'],
    ['@requires', 'content', '@requires(fields: "displayName isStaff")'],
    ['@provides', 'payments', '@provides(fields: "author { id }")'],
    ['@shareable', 'payments', '@shareable'],
    ['@external', 'payments', '@external'],
    ['@override', 'payments', '@override(from: "content")'],
    ['@inaccessible', 'content', '@inaccessible'],
    ['@inaccessible', 'users', '@inaccessible'],
    ['@tag', 'content', '@tag(name: "public")'],
    ['@interfaceObject', 'payments', '@interfaceObject'],
  ] as const)('use %s in %s', (_, subgraph, directive) => {
    const used: string[] = [];
    visit(schemaOf(subgraph), { Directive: (node) => void used.push(print(node)) });
    expect(used).toContain(directive);
  });

  it('describe every interface, union, query and mutation', () => {
    const undescribed: string[] = [];
    for (const name of ['payments', 'content'] as const) {
      const check = (node: { name: { value: string }; description?: unknown }) => {
        if (!node.description) undescribed.push(`${name}: ${node.name.value}`);
      };
      visit(schemaOf(name), {
        InterfaceTypeDefinition: check,
        UnionTypeDefinition: check,
        ObjectTypeDefinition(type) {
          if (['Query', 'Mutation'].includes(type.name.value)) type.fields?.forEach(check);
        },
      });
    }
    expect(undescribed).toEqual([]);
  });

  it('never tell money as anything but Int', () => {
    for (const schema of schemas.values()) {
      visit(schema, { NamedType: ({ name }) => expect(name.value).not.toBe('Float') });
    }
  });
});

describe('a query plan', () => {
  it('crosses the three subgraphs', () => {
    const query =
      '{ me { username byline posts { nodes { title price { amount } checkoutTotal(quantity: 2) { amount } } } balance { amount } } }';
    expect(new Set(subgraphsOf(query))).toEqual(new Set(NAMES));
  });

  it('brings the discount of content to payments for a total', () => {
    const fetches = fetchesOf('{ payments { nodes { post { checkoutTotal(quantity: 2) { amount } } } } }');
    expect(fetches.map(({ subgraph }) => subgraph)).toEqual(['payments', 'content', 'payments']);
    expect(fetches[1]?.text).toContain('discountPercent');
  });

  it('brings what clients may not see for the tax', () => {
    const [, content] = fetchesOf('{ payments { nodes { post { checkoutTax(quantity: 2) { amount } } } } }');
    expect(content?.text).toContain('taxClass');
  });

  it('goes from a payment to the author without content, which provides nothing that payments does not know', () => {
    expect(subgraphsOf('{ payments { nodes { post { author { username } } } } }')).toEqual(['payments', 'users']);
    expect(subgraphsOf('{ payments { nodes { post { author { id } } } } }')).toEqual(['payments']);
    expect(subgraphsOf('{ payments { nodes { post { title } } } }')).toEqual(['payments', 'content']);
  });

  it('asks payments, never content, for the field that moved', () => {
    const fetches = fetchesOf('{ postBySlug(slug: "x") { purchaseCount } }');
    expect(fetches.map(({ subgraph, text }) => [subgraph, text.includes('purchaseCount')])).toEqual([
      ['content', false],
      ['payments', true],
    ]);
  });

  it('asks payments for the price of media of any kind, and content for their kind', () => {
    const fetches = fetchesOf('{ postBySlug(slug: "x") { media { title price { amount } ... on Video { height } } } }');
    expect(fetches.map(({ subgraph }) => subgraph)).toEqual(['content', 'payments']);
    expect(subgraphsOf('{ payments { nodes { media { title } } } }')).toEqual(['payments', 'content']);
    expect(subgraphsOf('{ payments { nodes { media { price { amount } } } } }')).toEqual(['payments']);
  });

  it('joins a bookmark by its composite key', () => {
    const fetches = fetchesOf('{ me { bookmarks { nodes { note purchased } } } }');
    expect(fetches.map(({ subgraph }) => subgraph)).toEqual(['users', 'content', 'payments']);
    expect(fetches[1]?.text).toMatch(/userId\s+postId|postId\s+userId/);
  });

  it('finds a payment that content only names', () => {
    const query =
      '{ conversations { nodes { topic { __typename ... on Payment { status } ... on Post { title } } } } }';
    expect(subgraphsOf(query)).toEqual(['content', 'payments']);
  });
});

describe('the API of the graph', () => {
  const api = printSchema(supergraph.apiSchema().toGraphQLJSSchema());

  it('hides what is for subgraphs alone', () => {
    for (const hidden of ['TaxClass', 'taxClass', 'providerReference', 'isStaff', '_entities', '_service']) {
      expect(api).not.toContain(hidden);
    }
  });

  it('gives every kind of media its price', () => {
    for (const kind of ['interface Media {', 'type Video implements', 'type Podcast implements']) {
      expect(api.slice(api.indexOf(kind)).split('\n}')[0]).toContain('price: Money');
    }
  });

  it('has the interfaces of all subgraphs, with the types of all', () => {
    const implementing = [...api.matchAll(/type (\w+) implements ([\w &]+)/g)];
    const typesOf = (name: string) =>
      implementing.filter(([, , all]) => all?.trim().split(' & ').includes(name)).map(([, type]) => type);
    const kept = ['Announcement', 'Conversation', 'Message', 'Payment', 'Podcast', 'Post', 'Refund', 'User', 'Video'];
    expect(typesOf('Node').sort()).toEqual(kept);
    expect(typesOf('Timestamped').sort()).toEqual(kept);
  });
});
