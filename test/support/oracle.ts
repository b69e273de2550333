/**
 * Test support: plain graphql-js over the undivided schema says what a right answer is.
 */
import { buildSubgraphSchema } from '@apollo/subgraph';
import { graphql, parse } from 'graphql';

/** The JSON text of the right answer. Throws when there are errors: an oracle that fails proves nothing. */
export type Oracle = (query: string, variables?: Readonly<Record<string, unknown>>) => Promise<string>;

/** Makes an oracle of SDL without federation directives and its resolvers. */
export function createOracle(sdl: string, resolvers: object): Oracle {
  const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: resolvers as never });
  return async (query, variables = {}) => {
    const result = await graphql({ schema, source: query, variableValues: variables });
    if (result.errors) throw result.errors[0];
    return JSON.stringify(result);
  };
}
