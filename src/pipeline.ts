/**
 * The way of an operation, in code: prepare -> admit -> execute. Every door (HTTP, Apollo Server, later WebSocket and
 * REST) prepares and executes; nothing is executed that was not admitted under the generation that prepared it.
 * In: text, variables, a RequestContext. Out: an execution result; it never rejects.
 * Clock: per request; what can be done once per document is remembered by the generation.
 */
import { type DocumentNode, type ExecutionResult, GraphQLError } from 'graphql';
import type { RequestContext } from './context/request-context';
import { ClientError, InternalError } from './errors';
import { explainResult } from './explain';
import { type Operation, type Refused, selectOperation, type ValidDocument } from './operation/document';
import { type CheckedVariables, checkVariables, type RawVariables } from './operation/variables';
import {
  type AdmissionRequest,
  type Exclusions,
  joinExclusions,
  type Policies,
  type Reason,
  type Verdict,
  type Weighed,
} from './policy/admission';
import type { CachePolicy, Invalidation } from './policy/cache-policies';
import type { Completed } from './query-plan/complete';
import type { Answer, ExecutableOperation } from './query-plan/engine';
import type { Caching, Generation } from './supergraph/generation';

/** An operation that may run, under the generation that validated it. */
export interface PreparedRequest {
  readonly kind: 'prepared';
  readonly operation: Operation['type'];
  readonly operationName: string | undefined;
  /** Whether parts of its answer may come later. */
  readonly defers: boolean;
  readonly target: Operation;
  readonly generation: Generation;
}

/** Parses, limits and validates `source` and picks the operation that the request names. */
export function prepareSource(
  generation: Generation | undefined,
  source: string,
  operationName: string | undefined,
): PreparedRequest | Refused {
  if (!generation) return { kind: 'refused', errors: [notReady()] };
  const startedAt = performance.now();
  const document = generation.readDocument(source);
  generation.phaseEnded('prepare', startedAt);
  return pickOperation(generation, document, operationName);
}

/** The same for a document that the host has parsed. */
export function prepareDocument(
  generation: Generation,
  document: DocumentNode,
  source: string | undefined,
  operationName: string | undefined,
): PreparedRequest | Refused {
  return pickOperation(generation, generation.adoptDocument(document, source), operationName);
}

/** The same, unless its generation has drained and closed since: then as `current` sees it, from the text. */
export function renewPrepared(prepared: PreparedRequest, current: Generation | undefined): PreparedRequest | Refused {
  const { generation, target, operationName } = prepared;
  if (!generation.isClosed) return prepared;
  const source = generation.sourceOf(target);
  if (source === undefined) return { kind: 'refused', errors: [notReady()] };
  return prepareSource(current, source, operationName);
}

function pickOperation(
  generation: Generation,
  document: ValidDocument | Refused,
  operationName: string | undefined,
): PreparedRequest | Refused {
  if (document.kind === 'refused') return document;
  const target = selectOperation(document, operationName);
  if (target instanceof ClientError) return { kind: 'refused', errors: [target] };
  const { type: operation, name, inParts } = target;
  return { kind: 'prepared', operation, operationName: name, defers: inParts !== undefined, target, generation };
}

/** What an operation was admitted to run. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly executable: ExecutableOperation;
  readonly variables: CheckedVariables;
  readonly exclusions: Exclusions | undefined;
  /** Of them, those of authorization. */
  readonly unauthorized?: Exclusions | undefined;
  /** Of the progressive overrides it was planned with. */
  readonly overrideLabels?: readonly string[] | undefined;
  /** What policies tell beside the answer. */
  readonly extensions: Readonly<Record<string, unknown>> | undefined;
  /** Told instead, once the data of the answer is counted. Absent: it is not. */
  readonly count?: Extract<Weighed, { kind: 'weighed' }>['count'];
}

type Rejected = Extract<Verdict, { kind: 'refused' }>;

/**
 * Answers a prepared query or mutation with values, under a lease on its generation, which must not be closed.
 * What clients and subgraphs do wrong is in the result.
 */
export function executeOperation(
  prepared: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
): Promise<ExecutionResult> {
  const execute = async (admitted: Admitted, asker: RequestContext): Promise<Answer> => {
    const { engine, transport } = prepared.generation;
    const { executable, variables: checked } = admitted;
    const completed = await engine.execute(executable, checked, asker, transport.call, reasonsOf(admitted));
    return { kind: 'result', result: toResult(completed, admitted, asker) };
  };
  const run = async (admitted: Admitted): Promise<ExecutionResult> => {
    const answer = await answerOrKept(prepared, admitted, { context, execute, share: execute });
    return answer.kind === 'text' ? (JSON.parse(answer.body) as ExecutionResult) : answer.result;
  };
  return refuseOr(prepared, variables, context, run, (result) => result);
}

interface Running {
  readonly context: RequestContext;
  execute(admitted: Admitted, context: RequestContext): Promise<Answer>;
  /** The same, or an identical execution that began before: it may be from before what was called old. */
  share(admitted: Admitted, context: RequestContext): Promise<Answer>;
}

/** Executes what the cache does not have; what may be neither kept nor called old passes it by. */
function answerOrKept(prepared: PreparedRequest, admitted: Admitted, running: Running): Promise<Answer> {
  const { caching } = prepared.generation;
  const policy = caching?.policies.of(prepared.target) ?? 'none';
  if (!caching || policy === 'none') return running.share(admitted, running.context);
  if (policy instanceof Promise) return policy.then(() => answerOrKept(prepared, admitted, running));
  if (policy.kind === 'query') return answerKept(caching, policy, prepared, admitted, running);
  return invalidating(caching, policy, admitted, running);
}

async function invalidating(
  { responses }: Caching,
  policy: Invalidation,
  admitted: Admitted,
  { context, share }: Running,
): Promise<Answer> {
  const answer = await share(admitted, context);
  await responses.mutated(policy, admitted.variables, answer);
  return answer;
}

function answerKept(
  { policies, responses }: Caching,
  policy: CachePolicy,
  { generation }: PreparedRequest,
  admitted: Admitted,
  { context, execute, share }: Running,
): Promise<Answer> {
  const { variables, exclusions, extensions, overrideLabels = [] } = admitted;
  if (context.trail?.isExplained)
    context.trail.caching = { maxAgeMs: policy.maxAgeMs, scope: policy.isPrivate ? 'private' : 'public' };
  // What is excluded, and what is told beside the answer, is about one request.
  const isOwn = exclusions || extensions || admitted.executable.deferral;
  if (isOwn || context.asksCost || context.trail?.isExplained) return share(admitted, context);
  return responses.answer({
    policy,
    varying: policies.varying,
    scope: overrideLabels.length === 0 ? generation.id : JSON.stringify([generation.id, overrideLabels]),
    variables,
    context,
    execute: (asker) => execute(admitted, asker),
    share: () => share(admitted, context),
    hold() {
      generation.acquire();
      return () => generation.release();
    },
  });
}

/** The same, to be answered in parts where it defers any. What is told of the whole answer needs it in one piece. */
export function inParts(prepared: PreparedRequest, { asksCost, trail }: RequestContext): PreparedRequest {
  const target = prepared.target.inParts;
  return target && !asksCost && !trail?.isExplained ? { ...prepared, target } : prepared;
}

/** Answers a prepared query or mutation in the cheapest form. */
export function answerOperation(
  prepared: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
): Promise<Answer> {
  const { engine, transport, sharedQueries, caching } = prepared.generation;
  const execute = async (admitted: Admitted, asker: RequestContext): Promise<Answer> => {
    const { executable, variables: checked } = admitted;
    if (executable.deferral) return beginParts(prepared, admitted, asker);
    if (admitted.count || asker.trail?.isExplained) {
      const completed = await engine.execute(executable, checked, asker, transport.call, reasonsOf(admitted));
      return { kind: 'result', result: toResult(completed, admitted, asker) };
    }
    const answer = await engine.executeToText(executable, checked, asker, transport.call, reasonsOf(admitted));
    if (typeof answer !== 'string') return { kind: 'result', result: toResult(answer, admitted, asker) };
    const extensions = admitted.extensions ? `,"extensions":${JSON.stringify(admitted.extensions)}` : '';
    return { kind: 'text', body: `{"data":${answer}${extensions}}` };
  };
  const share = (admitted: Admitted, asker: RequestContext): Promise<Answer> => {
    if (prepared.operation === 'mutation')
      return execute(admitted, asker).finally(() => sharedQueries?.mutationEnded());
    // What is told beside the answer is about one request.
    const { executable, variables: checked, exclusions } = admitted;
    const isOwn = admitted.extensions || executable.deferral || asker.trail?.isExplained;
    if (!sharedQueries || isOwn) return execute(admitted, asker);
    return sharedQueries.share(executable, checked, asker, exclusions, () => execute(admitted, asker));
  };
  const run = (admitted: Admitted): Promise<Answer> =>
    caching ? answerOrKept(prepared, admitted, { context, execute, share }) : share(admitted, context);
  return refuseOr(prepared, variables, context, run, (result) => ({ kind: 'result', result }));
}

/** The beginning of an answer; its generation stays open until the last fetch is done. */
async function beginParts(
  { generation }: PreparedRequest,
  { executable, variables, extensions }: Admitted,
  context: RequestContext,
): Promise<Answer> {
  const { engine, transport } = generation;
  const parts = engine.executeInParts(executable, variables, context, transport.call);
  generation.acquire();
  void parts.whenDone.then(() => generation.release());
  const { data, errors } = await parts.begin();
  const result = { ...(errors.length > 0 && { errors }), data, ...(extensions && { extensions }) };
  return { kind: 'result', result, later: parts.hasNext ? parts : undefined };
}

export function reasonsOf({ exclusions }: Pick<Admitted, 'exclusions'>): readonly Reason[] | undefined {
  return exclusions?.reasons;
}

function toResult(
  { data, errors }: Completed,
  { extensions: told, count, executable }: Admitted,
  context: RequestContext,
): ExecutionResult {
  const counted = count?.(data);
  const extensions = counted ? { ...told, ...counted } : told;
  const result = { ...(errors.length > 0 && { errors }), data, ...(extensions && { extensions }) };
  return context.trail?.isExplained ? explainResult(result, executable, context) : result;
}

/**
 * Asks the policies: authorization first; what it left is weighed, and once it is planned the limits charge for it. So
 * nothing dear is planned, and nothing is charged for an operation that is refused, or that cannot be planned.
 */
export async function admit(
  { target, generation }: PreparedRequest,
  variables: CheckedVariables,
  context: RequestContext,
  policies: Policies | undefined = generation.policies,
): Promise<Admitted | Rejected> {
  const { engine } = generation;
  const overrideLabels = generation.overrides?.decide(target, context);
  if (!policies) {
    const executable = await engine.prepare(target, variables, undefined, overrideLabels);
    return admitted(executable, variables, overrideLabels, unjudged);
  }
  const reading = policies.readAhead?.(target);
  if (reading) await reading;
  const request: AdmissionRequest = { operation: target, variables, context };
  const authorization = policies.authorize?.(request);
  const authorized = authorization instanceof Promise ? await authorization : authorization;
  if (authorized?.kind === 'refused') return authorized;
  const readable = authorized?.kind === 'partly' ? authorized.exclusions : undefined;
  const weighed = policies.weigh?.(request, readable);
  if (weighed?.kind === 'refused') return weighed;
  const executable = await engine.prepare(target, variables, readable?.fields, overrideLabels);
  const limit = policies.limit?.(request, readable, weighed?.estimated ?? 0);
  const limited = limit instanceof Promise ? await limit : limit;
  const extensions = joinExtensions(authorized, weighed, limited);
  if (limited?.kind === 'refused') return { ...limited, ...(extensions && { extensions }) };
  const judged = { exclusions: readable, unauthorized: readable, extensions, count: weighed?.count };
  if (limited?.kind !== 'partly') return admitted(executable, variables, overrideLabels, judged);
  const exclusions = joinExclusions(readable, limited.exclusions);
  const rest = await engine.prepare(target, variables, exclusions?.fields, overrideLabels);
  const { ifNothingRuns: errors } = limited;
  if (errors && runsNothing(rest)) return { kind: 'refused', errors, ...(extensions && { extensions }) };
  return admitted(rest, variables, overrideLabels, { ...judged, exclusions });
}

type Judged = Pick<Admitted, 'exclusions' | 'unauthorized' | 'extensions' | 'count'>;

const unjudged: Judged = { exclusions: undefined, extensions: undefined };

/** Always of one hidden class: what follows reads it at each request. */
function admitted(
  executable: ExecutableOperation,
  variables: CheckedVariables,
  overrideLabels: Admitted['overrideLabels'],
  { exclusions, unauthorized, extensions, count }: Judged,
): Admitted {
  return { kind: 'admitted', executable, variables, exclusions, unauthorized, overrideLabels, extensions, count };
}

function runsNothing({ steps, introspection }: ExecutableOperation): boolean {
  return steps.length === 0 && introspection === undefined;
}

function joinExtensions(
  ...verdicts: readonly (Verdict | Weighed | undefined)[]
): Readonly<Record<string, unknown>> | undefined {
  let told: Readonly<Record<string, unknown>> | undefined;
  for (const verdict of verdicts) if (verdict?.extensions) told = { ...told, ...verdict.extensions };
  return told;
}

/**
 * Asks the policies once more for something that goes on, as a new operation would be asked: `changed` when authorization
 * does not say what it said of `admitted`; otherwise the limits charge for it.
 */
export async function admitAgain(
  { target, generation }: PreparedRequest,
  { variables, unauthorized }: Admitted,
  context: RequestContext,
): Promise<'admitted' | 'limited' | 'changed'> {
  const { policies } = generation;
  const request: AdmissionRequest = { operation: target, variables, context };
  const authorized = await policies?.authorize?.(request);
  if (authorized?.kind === 'refused') return 'changed';
  const readable = authorized?.kind === 'partly' ? authorized.exclusions : undefined;
  if (textOfExclusions(readable) !== textOfExclusions(unauthorized)) return 'changed';
  const weighed = policies?.weigh?.(request, readable);
  if (weighed?.kind === 'refused') return 'limited';
  const limited = await policies?.limit?.(request, readable, weighed?.estimated ?? 0);
  return limited === undefined || limited.kind === 'allowed' ? 'admitted' : 'limited';
}

/** Equal texts exclude the same fields of one operation for the same reasons. */
export function textOfExclusions(exclusions: Exclusions | undefined): string {
  return exclusions ? JSON.stringify([exclusions.fields.key, exclusions.reasons]) : '';
}

/** Checks variables, admits and runs; whatever refuses the operation on the way is an answer too. */
async function refuseOr<T>(
  prepared: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
  run: (admitted: Admitted) => Promise<T>,
  refuse: (result: ExecutionResult) => T,
): Promise<T> {
  const { target, generation } = prepared;
  generation.acquire();
  try {
    if (target.type === 'subscription') throw subscriptionsElsewhere();
    const checked = checkVariables(generation.apiSchema, target, variables);
    if (checked.kind === 'refused') return refuse({ errors: checked.errors });
    context.trace?.enter('admission');
    const arrivedAt = performance.now();
    const admitted = await admit(prepared, checked, context);
    const admittedAt = generation.phaseEnded('admit', arrivedAt);
    context.trace?.enter('execution');
    if (admitted.kind === 'admitted') {
      const answer = await run(admitted);
      generation.phaseEnded('execute', admittedAt);
      return answer;
    }
    const { errors, extensions } = admitted;
    return refuse({ errors, ...(extensions && { extensions }) });
  } catch (error) {
    if (error instanceof ClientError) return refuse({ errors: [error] });
    context.log.error({ error: describe(error) }, 'An operation failed for a reason that is ours');
    return refuse({ errors: [maskedError(context.id)] });
  } finally {
    generation.release();
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What a client reads of a defect of ours. */
export function maskedError(requestId: string): GraphQLError {
  return new GraphQLError(`Internal error. The request id is ${requestId}.`, {
    extensions: { code: 'INTERNAL_SERVER_ERROR' },
    originalError: new InternalError('masked'),
  });
}

export function notReady(): ClientError {
  return new ClientError('SUPERGRAPH_NOT_READY', 'The gateway has no supergraph yet.');
}

function subscriptionsElsewhere(): ClientError {
  return new ClientError('SUBSCRIPTION_NOT_SUPPORTED', 'Subscriptions are not served on this transport.');
}
