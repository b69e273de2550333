/**
 * Conformance fuzzer: the reference. Plain graphql-js over the undivided schema; its answer is the right one.
 * Resolvers answer asynchronously when errors are compared, so that graphql-js tells all of them.
 */
import {
  buildSchema,
  type DocumentNode,
  execute,
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNullableType,
  isAbstractType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { pathToArray } from 'graphql/jsutils/Path';
import { fieldOf, objectsOf } from './model';
import { printMonolith } from './print-sdl';
import { type Instance, truth, type World } from './world';

export interface Reference {
  readonly schema: GraphQLSchema;
  execute(document: DocumentNode, variables: Record<string, unknown>, operationName?: string): Promise<ReferenceAnswer>;
}

export interface ReferenceAnswer {
  readonly data: unknown;
  readonly errors: readonly GraphQLFormattedError[];
  /** Every place that failed, also those whose error nobody waited for. */
  readonly possiblePaths: readonly (readonly (string | number)[])[];
}

type Path = readonly (string | number)[];

interface Context {
  readonly failed: Path[];
}

/** Builds the undivided schema over a world. */
export function buildReference(world: World): Reference {
  const schema = buildSchema(printMonolith(world.model));
  const hasHidden = objectsOf(world.model).some(({ hidden }) => hidden);
  const slow = world.weather.nulls || world.weather.errors || hasHidden;
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    if (isAbstractType(type)) type.resolveType = (value: Instance) => value.type;
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const model = fieldOf(world.model, type.name, field.name)!;
      field.resolve = (source: Instance | undefined, args: Record<string, unknown>, { failed }: Context, info) => {
        if (type.name === 'Mutation') recordMutation(world, field.name, args);
        const object = source ?? { type: type.name, seed: 'root' };
        if (!slow) return truth(world, object, model, args);
        return Promise.resolve().then(() => {
          const path = pathToArray(info.path);
          try {
            const value = truth(world, object, model, args);
            collectFailures(value, field.type, path, failed, schema);
            return later(value, field.type);
          } catch (error) {
            failed.push(path);
            throw error;
          }
        });
      };
    }
  }
  return {
    schema,
    async execute(document, variables, operationName) {
      const context: Context = { failed: [] };
      const result = await execute({
        schema,
        document,
        contextValue: context,
        variableValues: variables,
        operationName: operationName ?? null,
      });
      // Errors of places that were nulled meanwhile still arrive after the answer.
      if (slow) await new Promise((resolve) => setImmediate(resolve));
      const errors = (result.errors ?? []).map((error: GraphQLError) => error.toJSON());
      return { data: result.data, errors, possiblePaths: context.failed };
    },
  };
}

/** Finds nulls where the type forbids them, and enum values and objects that clients may not see. */
function collectFailures(
  value: unknown,
  type: GraphQLOutputType,
  path: Path,
  failed: Path[],
  schema: GraphQLSchema,
): void {
  if (isNonNullType(type)) {
    if (value === null) failed.push(path);
    collectFailures(value, type.ofType, path, failed, schema);
  } else if (isListType(type) && Array.isArray(value)) {
    for (const [index, item] of value.entries()) collectFailures(item, type.ofType, [...path, index], failed, schema);
  } else if (isAbstractType(type) && value !== null && !schema.getType((value as Instance).type)) {
    failed.push(path);
  } else if (isEnumType(type) && value !== null && !type.getValue(String(value))) {
    failed.push(path);
  }
}

/**
 * A list with promises for items: an item that fails at once would make graphql-js forget the others, whose errors
 * then end the process.
 */
function later(value: unknown, type: GraphQLOutputType): unknown {
  const inner = getNullableType(type);
  if (!isListType(inner) || !Array.isArray(value)) return value;
  return value.map((item) => Promise.resolve().then(() => later(item, inner.ofType)));
}

/** Counts a root field of a mutation, in the reference as in the subgraphs. */
export function recordMutation(world: World, field: string, args: Readonly<Record<string, unknown>>): void {
  world.counter.mutations++;
  world.counter.log.push(`${field}(${JSON.stringify(args)})`);
}
