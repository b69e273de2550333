/**
 * The hooks of the host around operations, and the module that `supergate serve` takes them from.
 * In: a module's path; then prepared operations. Out: hooks and policies; answers. Clock: per start (load), per request.
 */
import type { ExecutionResult } from 'graphql';
import { ConfigError } from './config';
import type { OpenRequest } from './context/create-request-context';
import { headerValues } from './context/credentials';
import { type HookRunner, type Hooks, hookNames } from './context/hooks';
import type { RequestContext } from './context/request-context';
import { ClientError } from './errors';
import type { RawVariables } from './operation/variables';
import { answerOperation, executeOperation, type PreparedRequest } from './pipeline';
import type { PolicyFunction } from './policy/named-policies';
import type { Answer } from './query-plan/engine';

export interface HookModule {
  readonly hooks: Hooks;
  readonly policies: Readonly<Record<string, PolicyFunction>>;
}

/** Loads a module of JavaScript. Throws `ConfigError` when it cannot be loaded or exports something else. */
export async function loadHookModule(path: string): Promise<HookModule> {
  const problem = (message: string) => new ConfigError([{ file: path, path: 'hooks.module', message }]);
  const loaded = (await import(path).catch((error: unknown) => {
    throw problem(`cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  })) as Record<string, unknown>;
  // A module of CommonJS has its exports in `default` too.
  const { default: whole, __esModule: _esModule, 'module.exports': _whole, ...named } = loaded;
  const exported = Object.keys(named).length > 0 ? named : ((whole ?? {}) as Record<string, unknown>);
  const { policies = {}, ...hooks } = exported;
  const known: readonly string[] = hookNames;
  for (const [name, value] of Object.entries(hooks)) {
    if (!known.includes(name)) throw problem(`exports "${name}"; known are ${known.join(', ')} and policies`);
    if (typeof value !== 'function') throw problem(`exports "${name}", which is no function`);
  }
  if (typeof policies !== 'object' || policies === null)
    throw problem('exports "policies", which is no object of functions');
  for (const [name, value] of Object.entries(policies)) {
    if (typeof value !== 'function') throw problem(`the policy "${name}" is no function`);
  }
  return { hooks: hooks as Hooks, policies: policies as HookModule['policies'] };
}

/** The context of a request, once `onRequest` has let it in. Rejects with what refuses it: then there is nothing to dispose. */
export async function afterOnRequest<T extends OpenRequest>(
  runner: HookRunner | undefined,
  opened: T | Promise<T>,
  rawHeaders: readonly string[],
): Promise<T> {
  const context = await opened;
  const onRequest = runner?.hooks.onRequest;
  if (runner === undefined || onRequest === undefined) return context;
  const header = (name: string) => headerValues(rawHeaders, name)[0];
  const told = { ...runner.contextOf(context), clientAddress: context.clientAddress ?? '', header };
  try {
    await runner.run('onRequest', context, () => onRequest(told));
    return context;
  } catch (error) {
    context.dispose();
    throw error;
  }
}

type Operation = Pick<PreparedRequest, 'operation' | 'operationName'>;

/** Asks `onOperation`; the errors of its refusal, undefined when it has none. Never rejects. */
export async function beforeOperation(
  runner: HookRunner | undefined,
  { operation: type, operationName: name }: Operation,
  variables: RawVariables,
  context: RequestContext,
): Promise<readonly ClientError[] | undefined> {
  const onOperation = runner?.hooks.onOperation;
  if (runner === undefined || onOperation === undefined) return undefined;
  const told = { ...runner.contextOf(context), operation: { type, name }, variables };
  try {
    await runner.run('onOperation', context, () => onOperation(told));
    return undefined;
  } catch (error) {
    if (error instanceof ClientError) return [error];
    throw error;
  }
}

/** `executeOperation`, with the hooks around it; without hooks, at no cost. */
export async function executeWithHooks(
  runner: HookRunner | undefined,
  prepared: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
): Promise<ExecutionResult> {
  const execute = () => executeOperation(prepared, variables, context);
  if (!hasHooks(runner)) return execute();
  const answer = await hooked(runner, prepared, variables, context, async () => {
    return { kind: 'result', result: await execute() };
  });
  return answer.kind === 'result' ? answer.result : (JSON.parse(answer.body) as ExecutionResult);
}

/** The same with `answerOperation`. */
export function answerWithHooks(
  runner: HookRunner | undefined,
  prepared: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
): Promise<Answer> {
  const answer = () => answerOperation(prepared, variables, context);
  return hasHooks(runner) ? hooked(runner, prepared, variables, context, answer) : answer();
}

function hasHooks(runner: HookRunner | undefined): runner is HookRunner {
  return runner?.hooks.onOperation !== undefined || runner?.hooks.onResponse !== undefined;
}

async function hooked(
  runner: HookRunner,
  operation: Operation,
  variables: RawVariables,
  context: RequestContext,
  answer: () => Promise<Answer>,
): Promise<Answer> {
  const startedAt = performance.now();
  const refusal = await beforeOperation(runner, operation, variables, context);
  const answered: Answer = refusal ? { kind: 'result', result: { errors: refusal } } : await answer();
  const { onResponse } = runner.hooks;
  if (onResponse === undefined) return answered;
  const codes = answered.kind === 'text' ? [] : codesOf(answered.result);
  const { operation: type, operationName: name } = operation;
  const told = { ...runner.contextOf(context), operation: { type, name }, variables, codes };
  try {
    const durationMs = performance.now() - startedAt;
    const added = await runner.run('onResponse', context, () => onResponse({ ...told, durationMs }));
    const headers = runner.headersOf('onResponse', context.log, added?.headers);
    context.told?.headers?.add(headers);
    return added?.extensions ? withExtensions(answered, added.extensions) : answered;
  } catch (error) {
    if (error instanceof ClientError) return { kind: 'result', result: { errors: [error] } };
    throw error;
  }
}

function codesOf({ errors = [] }: ExecutionResult): readonly string[] {
  return errors.map(({ extensions }) => String(extensions.code ?? ''));
}

function withExtensions(answer: Answer, extensions: Readonly<Record<string, unknown>>): Answer {
  const { result, later }: Extract<Answer, { kind: 'result' }> =
    answer.kind === 'text' ? { kind: 'result', result: JSON.parse(answer.body) as ExecutionResult } : answer;
  return { kind: 'result', result: { ...result, extensions: { ...result.extensions, ...extensions } }, later };
}
