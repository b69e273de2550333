/**
 * `supergate plan --analyze`: runs the queries of a document against live subgraphs, and tells how each answer came to
 * be. In: files, as a gateway reads them, and who asks. Out: explanations. Clock: per command.
 * Mutations and subscriptions are never run.
 */
import { randomUUID } from 'node:crypto';
import type { ExecutionResult } from 'graphql';
import { type Config, ConfigError, loadConfig, processEnvironment } from './config';
import { createAuthentication } from './context/create-authentication';
import type { RequestContexts } from './context/create-request-context';
import { createSubgraphIdentity } from './context/subgraph-identity';
import { createContexts } from './doors';
import { createGateway, type Gateway } from './gateway';
import type { AnalyzedQuery, AnalyzeQueries } from './supergraph/plan-commands';
import { watchSupergraph } from './supergraph/watched-source';
import { silentLog } from './telemetry/log';
import { Trail } from './telemetry/trail';

/** Runs every query of `source`, one after the other. Rejects with `ConfigError` and what a gateway does not start with. */
export const analyzeQueries: AnalyzeQueries = async ({
  source,
  supergraph,
  config: file,
  variables,
  authorization,
}) => {
  const env = processEnvironment();
  const loaded = loadConfig({ file, env });
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  const { config } = loaded;
  const log = silentLog;
  const identity = config.subgraphIdentity && createSubgraphIdentity({ ...config.subgraphIdentity, now: Date.now });
  const watched = watchSupergraph({ ...config.supergraph, source: supergraph, env, watch: false, log });
  const gateway = createGateway({ supergraph: watched, config }, { log, subgraphIdentity: identity });
  const authentication = createAuthentication(config.authentication, {
    subgraphIdentity: identity,
    log,
    now: Date.now,
  });
  const contexts = createContexts(config, authentication, identity, log);
  try {
    await gateway.load();
    const rawHeaders = authorization === undefined ? [] : ['authorization', authorization];
    return await runAll(gateway, contexts, { source, variables, rawHeaders }, config);
  } finally {
    await authentication.close();
    await gateway.stop();
  }
};

interface Asked {
  readonly source: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly rawHeaders: readonly string[];
}

async function runAll(gateway: Gateway, contexts: RequestContexts, asked: Asked, { limits }: Config) {
  const document = gateway.current?.readDocument(asked.source);
  if (document?.kind !== 'valid') {
    const errors = (document?.errors ?? []).slice(0, limits.maxErrors).map(({ message }) => message);
    return [{ name: undefined, text: ['refused', ...errors].join('\n'), result: undefined, isRun: false }];
  }
  const analyzed: AnalyzedQuery[] = [];
  for (const { name, type } of document.operations) {
    if (type === 'query') analyzed.push(await runOne(gateway, contexts, asked, name));
    else analyzed.push({ name, text: `a ${type} is not run`, result: undefined, isRun: true });
  }
  return analyzed;
}

async function runOne(
  gateway: Gateway,
  contexts: RequestContexts,
  { source, variables, rawHeaders }: Asked,
  name: string | undefined,
): Promise<AnalyzedQuery> {
  const prepared = gateway.prepare(source, name);
  if (prepared.kind === 'refused') {
    const text = ['refused', ...prepared.errors.map(({ message }) => message)].join('\n');
    return { name, text, result: undefined, isRun: false };
  }
  const context = await contexts.openHttp({ id: randomUUID(), rawHeaders });
  try {
    const result = await gateway.execute(prepared, variables, { ...context, trail: new Trail(true) });
    return { name, text: explanationText(result), result, isRun: result.data !== undefined };
  } finally {
    context.dispose();
  }
}

interface Explanation {
  readonly queryPlan?: { readonly text: string };
  readonly trace?: {
    readonly durationMs: number;
    readonly fetches: readonly Readonly<Record<string, unknown>>[];
    readonly whyNull: readonly { readonly path: readonly unknown[]; readonly code: string; readonly rule: string }[];
  };
}

function explanationText({ errors = [], extensions }: ExecutionResult): string {
  const { queryPlan, trace } = (extensions ?? {}) as Explanation;
  if (!trace) return ['refused', ...errors.map(({ message }) => message)].join('\n');
  const calls = trace.fetches.map(({ index, subgraph, outcome, durationMs, bytes, entities, retries }) => {
    const asked = entities === undefined ? '' : `, ${entities} entities`;
    return `call ${index}: ${subgraph} ${outcome} in ${durationMs} ms${asked}, ${bytes ?? 0} bytes, ${retries} retries`;
  });
  const nulls = trace.whyNull.map(({ path, code, rule }) => `null at ${path.join('.')}: ${code}, ${rule}`);
  return [queryPlan?.text, `answered in ${trace.durationMs} ms`, ...calls, ...nulls].join('\n');
}
