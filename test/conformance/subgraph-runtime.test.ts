/**
 * The other half of the fuzzer's control: its subgraphs must make every wrong route visible.
 * Real: generated graphs and their executable subgraphs, asked directly as a gateway would. Observed: that right
 * representations give the true value, and that external fields and wrong representations never do.
 */
import { type DocumentNode, execute, type GraphQLSchema, isScalarType, parse } from 'graphql';
import { generateSchema } from './generate-schema';
import { baseOf, type FieldModel, type GraphModel, type ObjectModel } from './model';
import { declarationOf, entitiesOf } from './ownership';
import { printSubgraph } from './print-sdl';
import { splitGraph, Undividable } from './split';
import { buildSubgraph } from './subgraph-runtime';
import { canonical, type Instance, requiredTruth, truth, typeOfNumber, type World } from './world';

interface Place {
  readonly world: World;
  readonly schema: GraphQLSchema;
  readonly entity: ObjectModel;
  readonly field: FieldModel;
  readonly instance: Instance;
  /** `__typename` and the fields of one resolvable key. */
  readonly key: Record<string, unknown>;
}

let worlds: { world: World; documents: ReadonlyMap<string, DocumentNode> }[];

beforeAll(() => {
  worlds = [];
  for (let index = 0; worlds.length < 25; index++) {
    const model = drawModel(`runtime/${index}`);
    if (!model) continue;
    const world: World = { model, weather: { nulls: false, errors: false }, counter: { mutations: 0, log: [] } };
    const documents = new Map(model.subgraphs.map((name) => [name, parse(printSubgraph(model, name))]));
    worlds.push({ world, documents });
  }
});

function drawModel(seed: string): GraphModel | undefined {
  const model = generateSchema(seed);
  try {
    splitGraph(model);
    return model;
  } catch (error) {
    if (error instanceof Undividable) return undefined;
    throw error;
  }
}

/** Fields of entities that can be asked by a key without arguments and have a leaf value, and are declared so. */
function findPlaces(declaration: 'owned' | 'external', accept: (field: FieldModel) => boolean): Place[] {
  return worlds.flatMap(({ world, documents }) =>
    entitiesOf(world.model).flatMap((entity) =>
      [...entity.sites].flatMap(([subgraph, site]) => {
        const key = site.keys.find(({ resolvable }) => resolvable)?.key;
        const fields = entity.fields.filter(
          (field) =>
            declarationOf(entity, field, subgraph) === declaration && isPlainLeaf(world, field) && accept(field),
        );
        if (!key || fields.length === 0) return [];
        const schema = buildSubgraph(world, subgraph, documents);
        const { population } = entity;
        const number = Array.from({ length: 8 }, (_, n) => n).find(
          (n) => typeOfNumber(population!, n) === entity.name,
        )!;
        const instance: Instance = { type: entity.name, seed: String(number) };
        const representation = { __typename: entity.name, ...requiredTruth(world, instance, key.selection) };
        return fields.map((field) => ({ world, schema, entity, field, instance, key: representation }));
      }),
    ),
  );
}

function isPlainLeaf(world: World, field: FieldModel): boolean {
  const type = world.model.types.get(baseOf(field.type));
  const leaf = !type || type.kind === 'enum' || type.kind === 'scalar';
  return leaf && field.args.length === 0 && field.role === undefined && field.overrideLabel !== 'percent(0)';
}

/** The field's value, as text, or `failed` when the subgraph has none. */
async function ask(place: Place, representation: Record<string, unknown>): Promise<string> {
  const { schema, entity, field } = place;
  const result = await execute({
    schema,
    document: parse(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on ${entity.name} { ${field.name} } } }`,
    ),
    variableValues: { r: [representation] },
  });
  const data = JSON.parse(JSON.stringify(result)) as { data?: { _entities: (Record<string, unknown> | null)[] } };
  const found = data.data?._entities[0];
  return result.errors || !found ? 'failed' : canonical(found[field.name]);
}

function trueValue({ world, instance, field }: Place): string {
  return canonical(JSON.parse(JSON.stringify(truth(world, instance, field, {}))));
}

/** Booleans and enums have few values: two different ones are often equal by chance. */
function hasManyValues({ schema, field }: Place): boolean {
  const type = schema.getType(baseOf(field.type));
  return isScalarType(type) && type.name !== 'Boolean' && field.type.kind !== 'list';
}

describe('a subgraph of the fuzzer', () => {
  it('gives the true value of its own fields by any of its keys', async () => {
    const places = findPlaces('owned', (field) => !field.requires);
    expect(places.length).toBeGreaterThan(50);
    for (const place of places) expect(await ask(place, place.key)).toBe(trueValue(place));
  });

  it('never gives the true value of an external field', async () => {
    const places = findPlaces('external', () => true);
    expect(places.length).toBeGreaterThan(20);
    for (const place of places) expect(await ask(place, place.key)).not.toBe(trueValue(place));
  });

  it('gives the true value of a field with requirements when the representation holds the true ones', async () => {
    const places = findPlaces('owned', (field) => field.requires !== undefined);
    expect(places.length).toBeGreaterThan(10);
    for (const place of places) {
      const required = requiredTruth(place.world, place.instance, place.field.requires!);
      expect(await ask(place, { ...place.key, ...required })).toBe(trueValue(place));
    }
  });

  it('gives another value when a requirement is missing, null or wrong', async () => {
    const places = findPlaces('owned', (field) => field.requires !== undefined).filter(hasManyValues);
    const wrong = places.flatMap((place) => {
      const required = requiredTruth(place.world, place.instance, place.field.requires!);
      const [name] = Object.keys(required) as [string];
      const { [name]: value, ...others } = required;
      const changes = [others, { ...required, [name]: `${canonical(value)}!` }];
      return changes.map((changed) => ({ place, representation: { ...place.key, ...changed } }));
    });
    expect(wrong.length).toBeGreaterThan(10);
    let equal = 0;
    for (const { place, representation } of wrong) {
      if ((await ask(place, representation)) === trueValue(place)) equal++;
    }
    // Null and the empty list come up often enough to meet by chance.
    expect(equal / wrong.length).toBeLessThan(0.1);
  });

  it('fails on a representation whose key is of no entity', async () => {
    const places = findPlaces('owned', () => true).slice(0, 40);
    for (const place of places) {
      const { __typename: _typename, ...key } = place.key;
      const unknown = Object.fromEntries(Object.keys(key).map((name) => [name, 'nobody']));
      expect(await ask(place, { __typename: place.entity.name, ...unknown })).toBe('failed');
      expect(await ask(place, { __typename: place.entity.name })).toBe('failed');
    }
  });
});
