import { composeServices } from '@apollo/composition';
import type { QueryPlan } from '@apollo/query-planner';
import { type FragmentDefinitionNode, Kind, type OperationDefinitionNode, parse } from 'graphql';
import { ClientError, type ErrorCode } from '../../src/errors';
import type { Operation } from '../../src/operation/document';
import { createFieldNameTable, OperationFieldNames } from '../../src/query-plan/field-names';
import { OperationPlanner, type Planner } from '../../src/query-plan/operation-planner';
import { SelectionReader } from '../../src/query-plan/selections';
import { finish, Slices } from '../../src/slices';
import { readSupergraphTypes } from '../../src/supergraph/supergraph-types';

/**
 * Real: composition, what is known of a supergraph, the formulations of an operation. Fake: the planner, which answers
 * one fetch of whatever it is asked, or refuses. Observed: what it is asked, in order.
 */
const services = [
  {
    name: 'a',
    sdl: `type Query { item: Item thing: Thing ware: Ware leaf: Leaf }
      interface Leaf { id: ID! next: Leaf }
      type Left implements Leaf { id: ID! next: Leaf }
      type Right implements Leaf { id: ID! next: Leaf }
      union Ware = Item | Plan
      interface Thing { id: ID! next: Thing }
      type Item implements Thing @key(fields: "id") { id: ID! price: Int next: Thing }
      type Box implements Thing @key(fields: "id") { id: ID! next: Thing peer: Thing }
      type Plain implements Thing { id: ID! next: Thing peer: Thing }
      type Plan { text: String }`,
  },
  {
    name: 'b',
    sdl: `interface Thing { peer: Thing }
      type Item implements Thing @key(fields: "id") {
        id: ID! price: Int @external tax: Int @requires(fields: "price") peer: Thing @requires(fields: "price")
      }`,
  },
];
const link =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@external"])';
const { supergraphSdl, errors } = composeServices(
  services.map(({ name, sdl }) => ({ name, url: `http://${name}`, typeDefs: parse(`${link}\n${sdl}`) })),
);
if (!supergraphSdl) throw errors?.[0];
const types = finish(readSupergraphTypes(parse(supergraphSdl)));

function plannerOf(text: string): OperationPlanner {
  const { definitions } = parse(text);
  const node = definitions[0] as OperationDefinitionNode;
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operation = { node, type: 'query', name: undefined } as unknown as Operation;
  const reader = new SelectionReader(types.schema, fragments, new Map());
  const names = new OperationFieldNames(createFieldNameTable(types), undefined);
  const rootType = types.schema.getQueryType();
  if (!rootType) throw new Error('no root type');
  return new OperationPlanner(operation, rootType, { reader, names, types, overrideLabels: [], slices: new Slices() });
}

async function planned(text: string, planner: Planner) {
  const operation = plannerOf(text);
  return operation.plan(planner, await operation.formulate());
}

/** One fetch that selects all that is asked. */
function planOf(document: string): QueryPlan {
  const [definition] = parse(document).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no operation');
  const [root] = definition.selectionSet.selections;
  const name = root?.kind === Kind.FIELD ? root.name.value : '';
  const serviceName = name.startsWith('_in_') ? (name.split('_')[3] ?? '').toLowerCase() : 'a';
  const node = { kind: 'Fetch', serviceName, operation: document, operationName: undefined, operationKind: 'query' };
  return { kind: 'QueryPlan', node } as unknown as QueryPlan;
}

/** A planner that refuses what `refuse` gives a code for. */
function fakePlanner(refuse: (document: string) => ErrorCode | 'nothing' | undefined = () => undefined) {
  const asked: string[] = [];
  const planner: Planner = {
    async plan(document) {
      asked.push(document);
      const code = refuse(document);
      if (code === 'nothing') return { kind: 'QueryPlan' } as QueryPlan;
      if (code) throw new ClientError(code, `refused: ${code}`);
      return planOf(document);
    },
  };
  return { asked, planner };
}

describe('planning an operation', () => {
  it('asks what is required beside what the client asks, and the field that requires it at its entry', async () => {
    const { asked, planner } = fakePlanner();
    const fetches = await planned('{ item { tax } }', planner);
    expect(asked).toEqual(['query{item{__typename id price}}', 'query{_in_1_B_Item{tax}}']);
    expect(fetches.map(({ node, path }) => `${node.serviceName} ${path.join('.')}`)).toEqual(['a ', 'b item']);
    expect([...(fetches[1]?.after ?? [])]).toEqual([fetches[0]]);
  });

  it('asks every field of concrete types when the planner fails, and no plan means failure', async () => {
    const { asked, planner } = fakePlanner((document) => (document.includes('...on') ? undefined : 'nothing'));
    await planned('{ thing { id } }', planner);
    expect(asked).toEqual([
      'query{thing{__typename id}}',
      'query{thing{__typename ...on Box{id} ...on Item{id} ...on Plain{id}}}',
    ]);
  });

  it('leaves out conditions that no object can meet, though it meets each of them', async () => {
    const { asked, planner } = fakePlanner();
    await planned('{ thing { id ... on Ware { __typename ... on Plan { text } } } }', planner);
    expect(asked).toEqual(['query{thing{__typename id}}']);
  });

  it('asks once for the plan of equal parts', async () => {
    const { asked, planner } = fakePlanner();
    const fetches = await planned('{ item { tax next { ... on Item { tax } } } }', planner);
    expect(asked).toHaveLength(2);
    expect(fetches).toHaveLength(3);
  });

  it('cuts what has too many parts, and is known by those it is cut into', async () => {
    const inside = (depth: number): string => (depth === 0 ? 'id' : `peer { ${inside(depth - 1)} }`);
    const text = `{ thing { ${inside(7)} } }`;
    expect(JSON.parse((await plannerOf(text).formulate()).key)).toHaveLength(2 * 7 + 1);
    const { asked, planner } = fakePlanner();
    await planned(text, planner);
    expect(asked.filter((text) => text.startsWith('query{_in_'))).toHaveLength(2 * 7);
  });

  it('is refused when no formulation has a plan', async () => {
    const { planner } = fakePlanner(() => 'QUERY_PLAN_FAILED');
    await expect(planned('{ thing { id } }', planner)).rejects.toMatchObject({ code: 'QUERY_PLAN_FAILED' });
  });

  it.each(['QUERY_PLAN_TOO_LARGE', 'QUERY_PLAN_TIMEOUT'] as const)(
    'cuts it below interfaces after %s: entities are asked at entries, other objects where they stand',
    async (code) => {
      const { asked, planner } = fakePlanner((document) =>
        document.includes('next{__typename next') ? code : undefined,
      );
      const fetches = await planned('{ thing { next { next { id } } } }', planner);
      const inner =
        'next{__typename ...on Box{id} ...on Item{id} ...on Plain{next{__typename ...on Box{id} ...on Item{id} ...on Plain{id}}}}';
      const last = 'next{__typename ...on Box{id} ...on Item{id} ...on Plain{id}}';
      expect(asked).toEqual([
        'query{thing{__typename next{__typename next{__typename id}}}}',
        `query{thing{__typename ...on Box{id} ...on Item{id} ...on Plain{${inner}}}}`,
        `query{_in_1_A_Box{${inner}}}`,
        `query{_in_1_A_Item{${inner}}}`,
        `query{_in_1_A_Box{${last}}}`,
        `query{_in_1_A_Item{${last}}}`,
      ]);
      // However they were reached, all objects at a place are fetched for together.
      expect(fetches.map(({ path }) => path.join('.'))).toEqual(['', 'thing', 'thing', 'thing.next', 'thing.next']);
    },
  );

  it('is refused when its texts are too long cut, though each level is read once', async () => {
    const inside = (depth: number): string => (depth === 0 ? 'id' : `next { ${inside(depth - 1)} }`);
    const { asked, planner } = fakePlanner((text) => (text.includes('...on') ? undefined : 'QUERY_PLAN_TOO_LARGE'));
    const refused = planned(`{ leaf { ${inside(18)} } }`, planner);
    await expect(refused).rejects.toMatchObject({ code: 'QUERY_PLAN_TOO_LARGE' });
    expect(asked).toHaveLength(1);
  });

  it('is refused as it was when it is too large cut, too', async () => {
    const { planner } = fakePlanner(() => 'QUERY_PLAN_TOO_LARGE');
    await expect(planned('{ thing { next { id } } }', planner)).rejects.toMatchObject({
      code: 'QUERY_PLAN_TOO_LARGE',
    });
  });

  it('does not try again what failed for another reason', async () => {
    const { asked, planner } = fakePlanner(() => 'SUPERGRAPH_NOT_READY');
    await expect(planned('{ thing { id } }', planner)).rejects.toMatchObject({ code: 'SUPERGRAPH_NOT_READY' });
    expect(asked).toHaveLength(1);
  });
});
