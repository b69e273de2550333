/**
 * Conformance fuzzer: one random graph ready to be asked: undivided, composed, and served by real subgraphs over HTTP.
 * In: a seed. Out: a graph, or why the candidate was dropped. Composition is the judge of what a valid division is.
 */
import { composeServices } from '@apollo/composition';
import { type DocumentNode, GraphQLError, lexicographicSortSchema, parse, printSchema } from 'graphql';
import type { SubgraphServer } from '../support/subgraph-server';
import { generateSchema } from './generate-schema';
import { type GraphModel, interfacesOf, objectsOf } from './model';
import { buildReference, type Reference } from './monolith';
import { printSubgraph } from './print-sdl';
import { Random } from './random';
import { splitGraph, Undividable } from './split';
import { buildSubgraph } from './subgraph-runtime';
import type { Weather, World } from './world';

export interface Graph {
  readonly seed: string;
  readonly world: World;
  readonly reference: Reference;
  /** SDL by subgraph name. */
  readonly subgraphs: ReadonlyMap<string, string>;
  readonly supergraphSdl: string;
}

export interface Dropped {
  readonly dropped: string;
}

/** Draws a graph and what may go wrong in it, composes it and mounts its subgraphs under its seed. */
export function buildGraph(seed: string, server: SubgraphServer, weather = drawWeather(seed)): Graph | Dropped {
  const model = generateSchema(seed);
  try {
    splitGraph(model);
  } catch (error) {
    if (error instanceof Undividable) return { dropped: error.message };
    throw error;
  }
  if (weather.nulls || weather.errors) loosenTypes(model);
  const world: World = { model, weather, counter: { mutations: 0, log: [] } };
  const reference = buildReference(world);
  const subgraphs = new Map(model.subgraphs.map((name) => [name, printSubgraph(model, name)]));
  const composed = composeGraph(world, subgraphs, seed, server);
  if ('dropped' in composed) return composed;
  const difference = compareSchemas(composed.apiSdl(), reference);
  if (difference) return { dropped: `harness: the API schema is not the undivided one (${difference})` };
  return { seed, world, reference, subgraphs, supergraphSdl: composed.supergraphSdl };
}

/**
 * Where something below may be null that must not be, the stricter type of one subgraph would decide how much is null
 * with it: no gateway can know better.
 */
function loosenTypes(model: GraphModel): void {
  for (const { fields } of [...objectsOf(model), ...interfacesOf(model)]) {
    for (const field of fields) field.nonNullIn.clear();
  }
}

function drawWeather(seed: string): Weather {
  const rng = new Random(`${seed}/weather`);
  return { nulls: rng.chance(0.35), errors: rng.chance(0.35) };
}

/** Composes SDL and mounts its subgraphs. */
export function composeGraph(
  world: World,
  subgraphs: ReadonlyMap<string, string>,
  group: string,
  server: SubgraphServer,
): { readonly supergraphSdl: string; readonly apiSdl: () => string } | Dropped {
  const documents = new Map<string, DocumentNode>([...subgraphs].map(([name, sdl]) => [name, parse(sdl)]));
  const path = group.replace(/\W/g, '-');
  const services = [...documents].map(([name, typeDefs]) => ({ name, typeDefs, url: server.urlOf(name, path) }));
  const { errors, supergraphSdl, schema } = compose(services);
  if (errors) return { dropped: String(errors[0]?.extensions.code) };
  if (supergraphSdl === undefined) return { dropped: 'no supergraph' };
  for (const name of documents.keys()) server.mount({ name, schema: buildSubgraph(world, name, documents) }, path);
  const apiSdl = (): string => printSchema(lexicographicSortSchema(schema.toAPISchema().toGraphQLJSSchema()));
  return { supergraphSdl, apiSdl };
}

/** Composition throws on some invalid graphs instead of telling errors. */
function compose(services: Parameters<typeof composeServices>[0]): ReturnType<typeof composeServices> {
  try {
    return composeServices(services);
  } catch (error) {
    return { errors: [new GraphQLError(String(error), { extensions: { code: 'THROWN' } })] };
  }
}

function compareSchemas(apiSdl: string, reference: Reference): string | undefined {
  const composed = apiSdl.split('\n');
  const whole = printSchema(lexicographicSortSchema(reference.schema)).split('\n');
  const at = whole.findIndex((line, index) => line !== composed[index]);
  return at < 0 && whole.length === composed.length ? undefined : `${whole[at]} / ${composed[at]}`;
}
