/**
 * What a request did, for who asked for it and may know: the plan, each call of a subgraph, and why values are null.
 * In: a result and the trail of its request. Out: `extensions.queryPlan` and `extensions.trace`. Clock: per explained
 * request. Addresses of instances are told; no header, no variable.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { RateLimitReport } from './client/rate-limit-headers';
import type { Config } from './config';
import type { TrailAsker } from './context/create-request-context';
import { headerValues } from './context/credentials';
import type { RequestContext } from './context/request-context';
import { isOfAudience } from './policy/requirements';
import type { ExecutableOperation } from './query-plan/engine';
import type { FetchOutline } from './query-plan/plan-steps';
import { type FetchRecord, Trail, type UnknownEntity } from './telemetry/trail';

type Explain = NonNullable<Config['telemetry']['explain']>;

/** Makes the trail of a request, where somebody wants to know; undefined where nobody ever does. */
export function createTrails({
  slowOperationMs: slowMs,
  explain,
}: Config['telemetry']): ((asker: TrailAsker) => Trail | undefined) | undefined {
  if (slowMs === undefined && !explain) return undefined;
  return (asker) => {
    const isExplained = explain !== undefined && mayExplain(explain, asker);
    return isExplained || slowMs !== undefined ? new Trail(isExplained, slowMs) : undefined;
  };
}

function mayExplain({ header, token, audience }: Explain, { rawHeaders, extensions, identity }: TrailAsker): boolean {
  const asked = headerValues(rawHeaders, header)[0] ?? readExtension(extensions, header);
  if (asked === undefined) return false;
  if (token !== undefined && timingSafeEqual(digest(asked), digest(token))) return true;
  return audience !== undefined && isOfAudience(identity, audience);
}

/** For clients that cannot set headers: browsers on a WebSocket. */
function readExtension(extensions: unknown, name: string): string | undefined {
  if (typeof extensions !== 'object' || extensions === null || !Object.hasOwn(extensions, name)) return undefined;
  const value = (extensions as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : undefined;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The same result, explained. */
export function explainResult(
  result: ExecutionResult,
  executable: ExecutableOperation,
  { trail, told }: RequestContext,
): ExecutionResult {
  if (!trail) return result;
  const trace = traceOf(result, trail, told?.rateLimits);
  return { ...result, extensions: { ...result.extensions, queryPlan: queryPlanOf(executable), trace } };
}

/** `extensions.queryPlan`. */
export function queryPlanOf({ steps }: ExecutableOperation) {
  const plans = steps.map(({ plan }) => plan.outline);
  return { text: planText(plans), steps: plans };
}

/** `extensions.trace`. */
export function traceOf(result: ExecutionResult, trail: Trail, limits?: RateLimitReport) {
  return {
    durationMs: round(trail.ageMs),
    fetches: trail.fetches.map(tellFetch),
    entities: trail.entities,
    ...(trail.caching && { cache: trail.caching }),
    ...(limits && { limits }),
    whyNull: explainNulls(result, trail),
  };
}

function tellFetch(call: FetchRecord, index: number) {
  const { startMs, durationMs, isShared, ...rest } = call;
  return { index, ...rest, startMs: round(startMs), durationMs: round(durationMs), shared: isShared };
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}

/** One block for each fetch, those of a later step of a mutation after those of the one before. */
export function planText(plans: readonly (readonly FetchOutline[])[]): string {
  const blocks = plans.flatMap((fetches, step) => {
    const title = plans.length > 1 ? [`step ${step + 1}`] : [];
    return [...title, ...fetches.map(fetchText)];
  });
  return blocks.length === 0 ? 'no subgraph is asked' : blocks.join('\n');
}

function fetchText({ id, subgraph, path, after, operation }: FetchOutline): string {
  const at = path.length === 0 ? '' : ` at ${path.join('.')}`;
  const waits = after.length === 0 ? '' : ` after ${after.join(', ')}`;
  return `fetch ${id} from ${subgraph}${at}${waits}\n    ${operation}`;
}

/** Why one value is null. */
export interface NullCause {
  /** Of the null: at or above the place where it was caused. */
  readonly path: readonly (string | number)[];
  readonly causedAt: readonly (string | number)[];
  /** Absent: no error says it. */
  readonly code?: string;
  /** In the words of its error. */
  readonly message?: string;
  /** What made it null, in words. */
  readonly rule: string;
  readonly subgraph: string | undefined;
  /** Indexes of the fetches of that subgraph which did not go well; empty where the answer itself said so. */
  readonly fetches: readonly number[];
  readonly status: number | undefined;
}

/** One cause for each error that has a path, and for each null that stands for an entity which a subgraph does not know. */
export function explainNulls({ data, errors = [] }: ExecutionResult, trail: Trail): readonly NullCause[] {
  const unknown = new Map(trail.unknownEntities.map((entity) => [JSON.stringify(entity.path), entity]));
  const told = errors.flatMap((error) => {
    if (!error.path) return [];
    const key = JSON.stringify(error.path);
    const entity = unknown.get(key);
    unknown.delete(key);
    return explainNull(error, error.path, data, trail, entity);
  });
  const quiet = [...unknown.values()].flatMap((entity) => explainUnknown(entity, data, trail));
  return [...told, ...quiet];
}

const unknownRule = 'the subgraph does not know the entity';

function explainUnknown({ path, subgraph }: UnknownEntity, data: unknown, { fetches }: Trail): NullCause[] {
  // Another error took it, or its parents.
  if (pathOfNull(data, path)?.length !== path.length) return [];
  const asked = [...fetches.entries()].filter(([, call]) => call.subgraph === subgraph && call.entities !== undefined);
  const status = asked.at(-1)?.[1].status;
  return [{ path, causedAt: path, rule: unknownRule, subgraph, fetches: asked.map(([index]) => index), status }];
}

function explainNull(
  { message, extensions }: GraphQLError,
  causedAt: readonly (string | number)[],
  data: unknown,
  { fetches }: Trail,
  entity: UnknownEntity | undefined,
): NullCause[] {
  const { code = 'INTERNAL_SERVER_ERROR', serviceName: subgraph = entity?.subgraph } = extensions as {
    code?: string;
    serviceName?: string;
  };
  const failed = [...fetches.entries()].filter(([, call]) => call.subgraph === subgraph && call.outcome !== 'ok');
  const path = pathOfNull(data, causedAt);
  // An error beside a value that is there explains no null.
  if (!path) return [];
  const rule = entity ? unknownRule : (rules[code] ?? 'an error of the subgraph');
  const isBubbled = path.length < causedAt.length;
  return [
    {
      path,
      causedAt,
      code,
      message,
      rule: isBubbled ? `${rule}; a value that may not be null is below, and takes its parents with it` : rule,
      subgraph,
      fetches: failed.map(([index]) => index),
      status: failed.at(-1)?.[1].status,
    },
  ];
}

function pathOfNull(data: unknown, path: readonly (string | number)[]): readonly (string | number)[] | undefined {
  let value = data;
  for (const [index, key] of path.entries()) {
    if (value === null || value === undefined) return path.slice(0, index);
    value = (value as Record<string | number, unknown>)[key];
  }
  return value === null || value === undefined ? path : undefined;
}

const rules: Readonly<Record<string, string>> = {
  UNAUTHORIZED_FIELD_OR_TYPE: 'authorization: who asks may not read it',
  UNAUTHENTICATED: 'authorization: who asks is not known',
  REQUEST_RATE_LIMITED: 'a rate limit is used up',
  INVALID_SUBGRAPH_DATA: 'the subgraph answered what the schema does not allow, or not what has to be known',
  GATEWAY_TIMEOUT: 'the subgraph did not answer in time',
  SUBGRAPH_UNAVAILABLE: 'no instance of the subgraph is asked at present',
  SUBREQUEST_HTTP_ERROR: 'the request to the subgraph failed',
  SUBREQUEST_MALFORMED_RESPONSE: 'the answer of the subgraph could not be read',
  SUBREQUEST_ABORTED: 'the client left',
};
