/**
 * The content subgraph as one value: schema, resolvers, tables, data. Clock: once per start.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SubgraphDefinition } from '../shared/subgraph';
import type { ContentContext } from './context';
import { createLoaders } from './loaders';
import { resolvers } from './resolvers';

/** Needs nothing of the environment. */
export function createContentSubgraph(): SubgraphDefinition<ContentContext> {
  return {
    name: 'content',
    schemaFile: join(__dirname, 'schema.graphql'),
    resolvers,
    migrationsDirectory: join(__dirname, 'migrations'),
    async seed(db) {
      await db.query(await readFile(join(__dirname, 'seed.sql'), 'utf8'));
    },
    createContext: ({ caller }, db, events) => ({ caller, db, events, loaders: createLoaders(db, caller) }),
  };
}
