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
  type GraphQLSchema,
  isAbstractType,
  isObjectType,
} from 'graphql';
import { fieldOf } from './model';
import { printMonolith } from './print-sdl';
import { type Instance, truth, type World } from './world';

export interface Reference {
  readonly schema: GraphQLSchema;
  execute(document: DocumentNode, variables: Record<string, unknown>, operationName?: string): Promise<ReferenceAnswer>;
}

export interface ReferenceAnswer {
  readonly data: unknown;
  readonly errors: readonly GraphQLFormattedError[];
}

/** Builds the undivided schema over a world. */
export function buildReference(world: World): Reference {
  const schema = buildSchema(printMonolith(world.model));
  const slow = world.weather.nulls || world.weather.errors;
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    if (isAbstractType(type)) type.resolveType = (value: Instance) => value.type;
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const model = fieldOf(world.model, type.name, field.name)!;
      field.resolve = (source: Instance | undefined, args: Record<string, unknown>) => {
        if (type.name === 'Mutation') recordMutation(world, field.name, args);
        const object = source ?? { type: type.name, seed: 'root' };
        if (!slow) return truth(world, object, model, args);
        return Promise.resolve().then(() => later(truth(world, object, model, args)));
      };
    }
  }
  return {
    schema,
    async execute(document, variables, operationName) {
      const result = await execute({
        schema,
        document,
        variableValues: variables,
        operationName: operationName ?? null,
      });
      // Errors of places that were nulled meanwhile still arrive after the answer.
      if (slow) await new Promise((resolve) => setImmediate(resolve));
      return { data: result.data, errors: (result.errors ?? []).map((error: GraphQLError) => error.toJSON()) };
    },
  };
}

/**
 * A list with promises for items: an item that fails at once would make graphql-js forget the others, whose errors
 * then end the process.
 */
function later(value: unknown): unknown {
  return Array.isArray(value) ? value.map((item) => Promise.resolve().then(() => later(item))) : value;
}

/** Counts a root field of a mutation, in the reference as in the subgraphs. */
export function recordMutation(world: World, field: string, args: Readonly<Record<string, unknown>>): void {
  world.counter.mutations++;
  world.counter.log.push(`${field}(${JSON.stringify(args)})`);
}
