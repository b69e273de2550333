/**
 * Functions of the host that are called on the way of a request, each within a time. In: what they may know. Out: what
 * they change, or why the request is refused. Clock: per request. One that throws, takes too long or answers nonsense is
 * HOOK_FAILED to the client, who reads nothing of the cause; to refuse, a hook calls `refuse`.
 */
import { ClientError, type ErrorCode, errorTable } from '../errors';
import type { Log } from '../telemetry/log';
import type { Identity, RequestContext } from './request-context';

/** What every hook of one request is told. */
export interface HookContext {
  readonly requestId: string;
  readonly identity: Identity;
  /** The same object for all hooks of one request: what one leaves, a later one finds. */
  readonly state: Record<string, unknown>;
  /** Ends the request (in a hook of a subgraph: the call) with this error: `refuse('BAD_USER_INPUT', 'No such tenant.')`. */
  refuse(code: ErrorCode, message: string): never;
}

export interface RequestHookContext extends HookContext {
  readonly clientAddress: string;
  /** The first value of a header of the client, by its name in lower case. */
  header(name: string): string | undefined;
}

export interface OperationHookContext extends HookContext {
  readonly operation: { readonly type: 'query' | 'mutation' | 'subscription'; readonly name: string | undefined };
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface SubgraphHookContext extends HookContext {
  readonly subgraph: string;
  readonly kind: 'query' | 'mutation';
}

export interface SubgraphResponseHookContext extends SubgraphHookContext {
  readonly durationMs: number;
  /** Of the GraphQL errors in the answer. */
  readonly codes: readonly string[];
  /** Those that may pass. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

export interface ResponseHookContext extends OperationHookContext {
  /** Of the errors in the answer. */
  readonly codes: readonly string[];
  readonly durationMs: number;
}

export interface SubgraphHeaders {
  /** Names in lower case; laid over those that the rules give. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ResponseAdditions {
  /** Of the answer over HTTP. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Joined to those of the answer. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

type Maybe<T> = T | undefined | Promise<T | undefined>;

export interface Hooks {
  /** Who asks is known, nothing of the operation is. */
  onRequest?(context: RequestHookContext): Maybe<never>;
  /** The document is valid, nothing is executed. */
  onOperation?(context: OperationHookContext): Maybe<never>;
  /** Before each call; those that are shared with another request excepted. */
  onSubgraphRequest?(context: SubgraphHookContext): Maybe<SubgraphHeaders>;
  onSubgraphResponse?(context: SubgraphResponseHookContext): Maybe<never>;
  /** After a query or mutation. */
  onResponse?(context: ResponseHookContext): Maybe<ResponseAdditions>;
}

export const hookNames = ['onRequest', 'onOperation', 'onSubgraphRequest', 'onSubgraphResponse', 'onResponse'] as const;

const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What a hook may take beyond the deadline of its request, so that the answer comes soon after that. */
const graceMs = 200;

/** Runs the hooks of one gateway. */
export class HookRunner {
  readonly #states = new WeakMap<object, Record<string, unknown>>();

  constructor(
    readonly hooks: Hooks,
    private readonly timeoutMs: number,
  ) {}

  /** What every hook of the request of `context` is told. */
  contextOf(context: Pick<RequestContext, 'id' | 'identity' | 'calls'>): HookContext {
    // Doors copy contexts; `calls` is the same object in all of them.
    let state = this.#states.get(context.calls);
    if (state === undefined) {
      state = {};
      this.#states.set(context.calls, state);
    }
    return { requestId: context.id, identity: context.identity, state, refuse };
  }

  /** What `call` of the hook `name` answers. Rejects with the `ClientError` of `refuse`, or with HOOK_FAILED. */
  async run<T>(
    name: (typeof hookNames)[number],
    { log, deadline }: Pick<RequestContext, 'log' | 'deadline'>,
    call: () => T | Promise<T>,
  ): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const boundMs = Math.min(this.timeoutMs, Math.max(deadline.at - Date.now(), 0) + graceMs);
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${boundMs} ms`)), boundMs);
    });
    try {
      return await Promise.race([call(), late]);
    } catch (error) {
      if (error instanceof ClientError) throw error;
      throw failed(name, log, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Names and values in turn. Throws HOOK_FAILED for what is no header. */
  headersOf(name: (typeof hookNames)[number], log: Log, headers: unknown): string[] {
    if (headers === undefined || headers === null) return [];
    const entries = typeof headers === 'object' ? Object.entries(headers) : [['', '']];
    for (const [header = '', value] of entries) {
      if (!headerName.test(header) || typeof value !== 'string' || !headerValue.test(value))
        throw failed(name, log, new Error(`"${header}" is no header in lower case with a value of text`));
    }
    return entries.flat() as string[];
  }
}

function failed(name: string, log: Log, error: unknown): ClientError {
  log.error(
    { hook: name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    'A hook failed',
  );
  return new ClientError('HOOK_FAILED', 'A hook of the gateway failed.');
}

function refuse(code: ErrorCode, message: string): never {
  if (!Object.hasOwn(errorTable, code)) throw new Error(`"${code}" is no code of the error table`);
  throw new ClientError(code, message);
}
