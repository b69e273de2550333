/**
 * The content subgraph as one value: schema, resolvers, tables, data. Clock: once per start.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { SubgraphDefinition } from '../shared/subgraph';
import type { ContentContext } from './context';
import { fileRoutes } from './files';
import { createLoaders } from './loaders';
import { resolvers } from './resolvers';

/** Reads `UPLOADS_DIR`, the directory of the files that users upload (default `.data/uploads`). */
export function createContentSubgraph(env: NodeJS.ProcessEnv = {}): SubgraphDefinition<ContentContext> {
  const directory = resolve(env.UPLOADS_DIR || '.data/uploads');
  return {
    name: 'content',
    schemaFile: join(__dirname, 'schema.graphql'),
    resolvers,
    migrationsDirectory: join(__dirname, 'migrations'),
    async seed(db) {
      await db.query(await readFile(join(__dirname, 'seed.sql'), 'utf8'));
    },
    createContext: ({ caller }, db, events) => ({ caller, db, events, loaders: createLoaders(db, caller) }),
    routes: (db, callerOf) => fileRoutes(db, callerOf, directory),
  };
}
