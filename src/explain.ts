/**
 * What a request did, for who asked for it and may know: the plan, each call of a subgraph, and why values are null.
 * In: a result and the trail of its request. Out: `extensions.queryPlan` and `extensions.trace`. Clock: per explained
 * request. Addresses of instances are told; no header, no variable.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Config } from './config';
import { headerValues } from './context/credentials';
import type { Identity, RequestContext } from './context/request-context';
import { isOfAudience } from './policy/requirements';
import type { ExecutableOperation } from './query-plan/engine';
import type { FetchOutline } from './query-plan/plan-steps';
import { type FetchRecord, Trail } from './telemetry/trail';

type Explain = NonNullable<Config['telemetry']['explain']>;

/** Makes the trail of a request, where somebody wants to know; undefined where nobody ever does. */
export function createTrails({
  slowOperationMs: slowMs,
  explain,
}: Config['telemetry']): ((rawHeaders: readonly string[], identity: Identity) => Trail | undefined) | undefined {
  if (slowMs === undefined && !explain) return undefined;
  return (rawHeaders, identity) => {
    const isExplained = explain !== undefined && mayExplain(explain, rawHeaders, identity);
    return isExplained || slowMs !== undefined ? new Trail(isExplained, slowMs) : undefined;
  };
}

function mayExplain({ header, token, audience }: Explain, rawHeaders: readonly string[], identity: Identity): boolean {
  const [asked] = headerValues(rawHeaders, header);
  if (asked === undefined) return false;
  if (token !== undefined && timingSafeEqual(digest(asked), digest(token))) return true;
  return audience !== undefined && isOfAudience(identity, audience);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The same result, explained. */
export function explainResult(
  result: ExecutionResult,
  { steps }: ExecutableOperation,
  { trail, told }: RequestContext,
): ExecutionResult {
  if (!trail) return result;
  const plans = steps.map(({ plan }) => plan.outline);
  const trace = {
    durationMs: round(trail.ageMs),
    fetches: trail.fetches.map(tellFetch),
    entities: trail.entities,
    ...(told?.rateLimits && { limits: told.rateLimits }),
    whyNull: explainNulls(result, trail),
  };
  const queryPlan = { text: planText(plans), steps: plans };
  return { ...result, extensions: { ...result.extensions, queryPlan, trace } };
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
  readonly code: string;
  /** What made it null, in words. */
  readonly rule: string;
  readonly subgraph: string | undefined;
  /** Indexes of the fetches of that subgraph which did not go well; empty where the answer itself said so. */
  readonly fetches: readonly number[];
  readonly status: number | undefined;
}

/** One cause for each error that has a path. */
export function explainNulls({ data, errors = [] }: ExecutionResult, trail: Trail): readonly NullCause[] {
  return errors.flatMap((error) => (error.path ? explainNull(error, error.path, data, trail) : []));
}

function explainNull(
  { extensions }: GraphQLError,
  causedAt: readonly (string | number)[],
  data: unknown,
  { fetches }: Trail,
): NullCause[] {
  const { code = 'INTERNAL_SERVER_ERROR', serviceName: subgraph } = extensions as {
    code?: string;
    serviceName?: string;
  };
  const failed = [...fetches.entries()].filter(([, call]) => call.subgraph === subgraph && call.outcome !== 'ok');
  const path = pathOfNull(data, causedAt);
  // An error beside a value that is there explains no null.
  if (!path) return [];
  const rule = rules[code] ?? 'an error of the subgraph';
  const isBubbled = path.length < causedAt.length;
  return [
    {
      path,
      causedAt,
      code,
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
