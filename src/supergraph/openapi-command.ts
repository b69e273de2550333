/**
 * `supergate openapi`: the OpenAPI document of the REST routes, without a gateway that runs.
 * In: supergraph, configuration and operation files. Out: JSON on standard output, and an exit status.
 * Clock: per command.
 */
import { existsSync } from 'node:fs';
import { parse } from 'graphql';
import { createOpenApi, openApiSettings } from '../client/rest/openapi';
import { toProxyRoute } from '../client/rest/routes';
import { type Config, ConfigError, loadConfig, processEnvironment } from '../config';
import {
  type Arguments,
  type Command,
  defaultConfig,
  defaultSupergraph,
  print,
  UsageError,
} from '../config/command-line';
import { readDocument } from '../operation/document';
import { OperationLibrary, problemsError } from '../operation/operation-library';
import { describeRateLimits } from '../policy/rate-limit-texts';
import { finish } from '../slices';
import { silentLog } from '../telemetry/log';
import { CompositionError, composeSupergraph } from './composition';
import { PlannerThread } from './planner-client';
import { buildRestRoutes } from './rest-routes';
import { buildValidSchema } from './sliced-schema';
import { readSupergraphSource } from './sources';

/** The command by its name. */
export function createOpenApiCommand(): Readonly<Record<string, Command>> {
  return {
    openapi: {
      summary: 'Print the OpenAPI document of the REST routes.',
      positional: {
        name: 'SUPERGRAPH',
        help: `supergraph.yaml or a composed supergraph (default ${defaultSupergraph})`,
      },
      options: {
        config: {
          type: 'string',
          value: 'FILE',
          help: `configuration with rest.operations (default ${defaultConfig})`,
        },
      },
      details:
        'The same as /openapi.json of a gateway that runs. Exit status 2 when an operation does not fit the supergraph.',
      run: openApiCommand,
    },
  };
}

async function openApiCommand(args: Arguments): Promise<number> {
  const config = readConfig(args.text('config'));
  const { operations: directory } = config.rest;
  const proxies = config.rest.proxy.map(toProxyRoute);
  if (directory === undefined && proxies.length === 0)
    throw new UsageError('openapi: the configuration names neither rest.operations nor rest.proxy');
  const { current } = await OperationLibrary.open({ directory, files: [], log: silentLog });
  const { schema, supergraphSdl } = await readGraph(args.positional ?? defaultSupergraph, config);
  const documents = { limits: config.limits, maxErrors: config.limits.maxErrors, introspection: true };
  const { routes, problems } = await buildRestRoutes(current.operations, {
    apiSchema: schema,
    readDocument: (source) => finish(readDocument(source, schema, documents)),
  });
  if (problems.length > 0) throw problemsError(problems);
  const limitsOf = describeRateLimits(parse(supergraphSdl), schema, config);
  const document = createOpenApi({ operations: routes, proxies }, { ...openApiSettings(config), schema, limitsOf });
  return print(JSON.stringify(document, null, 2));
}

function readConfig(given: string | undefined): Config {
  const file = given ?? (existsSync(defaultConfig) ? defaultConfig : undefined);
  const loaded = loadConfig({ file, env: processEnvironment() });
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  return loaded.config;
}

/** What clients see of a supergraph, and the supergraph. */
async function readGraph(file: string, { planner: options }: Config) {
  const planner = new PlannerThread(options);
  try {
    const read = await readSupergraphSource(file, { env: processEnvironment() });
    if (read.kind === 'problems') throw new ConfigError(read.problems);
    const composition = await composeSupergraph(read.source, planner);
    if (composition.kind === 'failed') throw new CompositionError(file, composition.errors);
    const handle = await planner.open(composition.supergraphSdl);
    return { schema: finish(buildValidSchema(handle.apiSchemaSdl)), supergraphSdl: composition.supergraphSdl };
  } finally {
    await planner.close();
  }
}
