/**
 * Answers that are given again: what a policy allows, after authorization and limits have decided on this request.
 * In: an admitted query and what executes it. Out: its answer, or one that was kept, and a note for the headers.
 * Clock: per request; it outlives generations. It never keeps errors, nor gives one identity what is another's.
 */
import type { GraphQLError } from 'graphql';
import { type CachingReport, digestOf, readSubgraphSayings } from '../client/caching-headers';
import { openDeadline } from '../context/deadline';
import type { Identity, RequestContext } from '../context/request-context';
import { type ErrorCode, type ErrorDefinition, errorTable } from '../errors';
import type { CheckedVariables } from '../operation/variables';
import type { CacheOutcome, CachePolicy, Invalidation } from '../policy/cache-policies';
import { everyAnswer, expandTags, tagsOfAnswer, tagsOfMutation } from '../policy/cache-tags';
import type { AnswerVarying } from '../policy/cache-varying';
import type { AnswerStore, KeptAnswer, Look } from './answer-store';
import type { Answer } from './engine';

/** What can change while it runs. */
export interface ResponseCacheSettings {
  /** Whose answers are kept. `none`: clients are told of ages alone. */
  readonly answers: 'none' | 'public' | 'private';
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly maxStoredMs: number;
  readonly maxAnswerBytes: number;
  /** For an answer that is asked anew while nobody waits for it. */
  readonly timeoutMs: number;
}

export interface ResponseCacheOptions {
  readonly settings: ResponseCacheSettings;
  /** Called once, as soon as something may be kept. */
  readonly openStore: () => AnswerStore;
  readonly now: () => number;
  readonly onOutcome?: ((outcome: CacheOutcome) => void) | undefined;
  readonly onInvalidated?: ((tags: number) => void) | undefined;
}

/** An admitted query. */
export interface AskedAnswer {
  readonly policy: CachePolicy;
  readonly varying: AnswerVarying;
  /** Tells apart what the policy does not: the supergraph, and how it is planned. */
  readonly scope: string;
  readonly variables: CheckedVariables;
  readonly context: RequestContext;
  execute(context: RequestContext): Promise<Answer>;
  /** The same, or an identical execution that began before, for what is not kept. */
  share(): Promise<Answer>;
  /** Takes what `execute` needs once its request has ended; returns what gives it back. */
  hold(): () => void;
}

/** What was executed, and whether it may be kept. */
interface Made {
  readonly answer: Answer;
  readonly kept: KeptAnswer | undefined;
}

interface Flight {
  readonly at: number;
  readonly context: RequestContext;
  readonly made: Promise<Made>;
}

export class ResponseCache {
  private readonly flights = new Map<string, Flight>();
  private readonly identityKeys = new WeakMap<Identity, string>();
  private settings: ResponseCacheSettings;
  private opened: AnswerStore | undefined;
  /** The longest that an answer may live in the store, by any settings that there were. */
  maxLifetimeMs: number;

  constructor(private readonly options: ResponseCacheOptions) {
    this.settings = options.settings;
    this.maxLifetimeMs = lifetimeOf(options.settings);
    if (options.settings.answers !== 'none') this.opened = options.openStore();
  }

  /** Other settings from now on. What is kept stays, for as long as it was kept for. */
  reconfigure(settings: ResponseCacheSettings): void {
    this.settings = settings;
    this.maxLifetimeMs = Math.max(this.maxLifetimeMs, lifetimeOf(settings));
    if (settings.answers === 'none' || this.opened) return;
    this.opened = this.options.openStore();
    // What others share there may be from before a mutation that this gateway told nobody of.
    void this.opened.invalidate([everyAnswer]);
  }

  /** Where answers are kept; undefined while none are. What is in it is called old all the same, for when they are again. */
  private get store(): AnswerStore | undefined {
    return this.settings.answers === 'none' ? undefined : this.opened;
  }

  /** Bytes of memory that the answers take. */
  get bytes(): number {
    return this.opened?.bytes ?? 0;
  }

  /** Rejects as `execute` does. */
  async answer(asked: AskedAnswer): Promise<Answer> {
    const { store } = this;
    const { onOutcome } = this.options;
    const isPrivate = asked.policy.isPrivate || asked.varying.hasCredential(asked.context.subgraphHeaders);
    const key = store && this.keyOf(asked, isPrivate);
    if (!store || key === undefined) return this.tell(asked, await this.make(asked, asked.context, false), isPrivate);
    const looked = store.read(key);
    const look = looked instanceof Promise ? await looked : looked;
    const kept = look?.kept;
    const lateMs = kept ? this.options.now() - kept.storedAt - this.keptMs(kept) : Number.POSITIVE_INFINITY;
    // Of an answer that nobody waits for, nobody would be told what subgraphs say beside it.
    const patienceMs = asked.context.told?.headers ? 0 : this.settings.staleWhileRevalidateMs;
    if (kept && lateMs < patienceMs) {
      onOutcome?.(lateMs < 0 ? 'hit' : 'stale');
      if (lateMs >= 0) this.revalidate(key, asked, look);
      return this.tell(asked, { answer: { kind: 'text', body: kept.body }, kept }, isPrivate);
    }
    onOutcome?.(look ? 'miss' : 'unavailable');
    const made = await this.makeOnce(key, asked, look);
    if (kept && lateMs < this.settings.staleIfErrorMs && hasFailed(made.answer)) {
      onOutcome?.('stale');
      return this.tell(asked, { answer: { kind: 'text', body: kept.body }, kept }, isPrivate);
    }
    return this.tell(asked, made, isPrivate);
  }

  /** Calls old what a mutation changed. Resolves when nobody is given it any more, as far as the store answers. */
  async mutated({ tags, configured }: Invalidation, { coerced }: CheckedVariables, answer: Answer): Promise<void> {
    if (!this.opened) return;
    const { data, errors } = readAnswer(answer);
    const isUnsure = errors.some(leavesOpen);
    // A subgraph that refused has changed nothing.
    const hasRun = isUnsure || (data !== null && data !== undefined);
    const found = tags && hasRun ? tagsOfMutation(tags, data, isUnsure) : [];
    const declared = hasRun ? configured(coerced) : [];
    await this.invalidate([...found, ...declared]);
  }

  /** Calls old every answer with one of these tags: `Post`, `Post:7`, or `*` for all. */
  async invalidate(tags: readonly string[]): Promise<void> {
    if (tags.length === 0) return;
    this.options.onInvalidated?.(tags.length);
    await this.opened?.invalidate(expandTags(tags));
  }

  /** Everything that an answer may depend on; undefined for what may not be kept. */
  private keyOf({ policy, varying, scope, variables, context }: AskedAnswer, isPrivate: boolean): string | undefined {
    const who = isPrivate ? this.identityKey(context.identity) : '';
    if (who === undefined || (isPrivate && this.settings.answers !== 'private')) return undefined;
    const headers = varying.keyOf(context.subgraphHeaders);
    return `${scope}|${policy.digest}|${JSON.stringify([variables.coerced, headers, who])}`;
  }

  /** Undefined for nobody in particular: there is nothing to tell two of them apart by. */
  private identityKey(identity: Identity): string | undefined {
    if (identity.kind === 'anonymous') return undefined;
    let key = this.identityKeys.get(identity);
    if (key === undefined) {
      const { issuer, subject, credential, roles, scopes, tier, claims } = identity;
      // What differs from token to token, and says nothing of rights.
      const { exp, iat, nbf, jti, ...lasting } = claims;
      key = JSON.stringify([issuer, subject, credential, roles, scopes, tier, lasting]);
      this.identityKeys.set(identity, key);
    }
    return key;
  }

  private tell({ context, varying }: AskedAnswer, { answer, kept }: Made, isPrivate: boolean): Answer {
    if (kept && context.told) context.told.caching = this.report(kept, varying, isPrivate);
    return answer;
  }

  private report(
    { maxAgeMs, storedAt, etag, headers, isPrivate }: KeptAnswer,
    { vary, privateVary, isHidden }: AnswerVarying,
    isOfIdentity: boolean,
  ): CachingReport {
    const { staleWhileRevalidateMs } = this.settings;
    const { now } = this.options;
    const isPersonal = isOfIdentity || isHidden || isPrivate;
    return {
      isPrivate: isPersonal,
      maxAgeMs,
      ageMs: Math.max(0, now() - storedAt),
      etag,
      staleWhileRevalidateMs: staleWhileRevalidateMs > 0 ? staleWhileRevalidateMs : undefined,
      vary: isPersonal ? privateVary : vary,
      headers,
    };
  }

  private async make({ policy, execute, share }: AskedAnswer, context: RequestContext, isKept: boolean): Promise<Made> {
    const answer = await (isKept ? execute(context) : share());
    const body = textOf(answer);
    if (body === undefined) return { answer, kept: undefined };
    const said = readSubgraphSayings(context.told?.headers?.list(false) ?? []);
    const maxAgeMs = Math.min(policy.maxAgeMs, said.maxAgeMs);
    if (maxAgeMs === 0) return { answer, kept: undefined };
    const etag = isKept ? digestOf(body) : undefined;
    const { headers, isPrivate } = said;
    return {
      answer: { kind: 'text', body },
      kept: { body, etag, headers, isPrivate, storedAt: this.options.now(), maxAgeMs },
    };
  }

  /** Identical ones under way are one, unless something was called old since it began. */
  private async makeOnce(key: string, asked: AskedAnswer, look: Look | undefined): Promise<Made> {
    const { context } = asked;
    const running = this.flights.get(key);
    if (running && look && running.at > look.invalidatedAt) {
      const made = await running.made;
      // It was given up because whoever began it left, or had less time: that is no answer to anybody else.
      if (running.context.deadline.ended === undefined || context.deadline.ended !== undefined) return made;
      if (this.flights.get(key) !== running) return this.makeOnce(key, asked, look);
    }
    return this.fly(key, asked, context, look);
  }

  private async fly(key: string, asked: AskedAnswer, context: RequestContext, look: Look | undefined): Promise<Made> {
    const made = this.make(asked, context, true);
    const flight = { at: look?.at ?? 0, context, made };
    this.flights.set(key, flight);
    try {
      const { kept } = await made;
      // What a subgraph says of its answer, it says to whoever asked.
      if (kept && look && !(kept.isPrivate && !asked.policy.isPrivate)) this.keep(key, asked, kept, look.at);
      return await made;
    } finally {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    }
  }

  private keep(
    key: string,
    { policy: { tags, declared }, variables }: AskedAnswer,
    kept: KeptAnswer,
    at: number,
  ): void {
    const { maxAnswerBytes, staleWhileRevalidateMs, staleIfErrorMs } = this.settings;
    if (Buffer.byteLength(kept.body) > maxAnswerBytes) return;
    const data = tags.known.length > 0 ? (JSON.parse(kept.body) as { data: unknown }).data : undefined;
    const lifetimeMs = this.keptMs(kept) + Math.max(staleWhileRevalidateMs, staleIfErrorMs);
    const all = [...tagsOfAnswer(tags, data), ...declared(variables.coerced)];
    this.store?.write(key, kept, { tags: all, at, lifetimeMs });
  }

  private keptMs({ maxAgeMs }: KeptAnswer): number {
    return Math.min(maxAgeMs, this.settings.maxStoredMs);
  }

  /** Asks anew what was given though it is old; nobody waits for it. */
  private revalidate(key: string, asked: AskedAnswer, look: Look | undefined): void {
    if (!look || this.flights.has(key)) return;
    const release = asked.hold();
    const { now } = this.options;
    const { timeoutMs } = this.settings;
    const { deadline, dispose } = openDeadline(now() + timeoutMs, now);
    const { trace, told, trail, ...context } = asked.context;
    const ended = () => {
      dispose();
      release();
    };
    // It is tried again with the next request.
    this.fly(key, asked, { ...context, deadline, calls: { count: 0, failed: 0 } }, look).then(ended, ended);
  }
}

function lifetimeOf({ maxStoredMs, staleWhileRevalidateMs, staleIfErrorMs }: ResponseCacheSettings): number {
  return maxStoredMs + Math.max(staleWhileRevalidateMs, staleIfErrorMs);
}

/** The clean text `{"data":{…}}`; undefined for all that is not the same for everybody who may have it. */
function textOf(answer: Answer): string | undefined {
  if (answer.kind === 'text') return answer.body;
  const { data, errors, extensions } = answer.result;
  return errors || extensions || !data ? undefined : JSON.stringify({ data });
}

function readAnswer(answer: Answer): { readonly data: unknown; readonly errors: readonly GraphQLError[] } {
  if (answer.kind === 'text') return { data: (JSON.parse(answer.body) as { data: unknown }).data, errors: [] };
  return { data: answer.result.data, errors: answer.result.errors ?? [] };
}

/** A subgraph could not be asked, or did not answer as it should: what was kept is better. */
function isFailure({ extensions }: GraphQLError): boolean {
  const error = definitionOf(extensions.code);
  return error?.inAnswer === true && error.retry;
}

/** Whether a subgraph has done what it was asked is not known: it did not say, or nobody listened any more. */
function leavesOpen({ extensions: { code } }: GraphQLError): boolean {
  return code !== 'DOWNSTREAM_SERVICE_ERROR' && definitionOf(code)?.inAnswer === true;
}

/** Subgraphs have codes of their own. */
function definitionOf(code: unknown): ErrorDefinition | undefined {
  return typeof code === 'string' && Object.hasOwn(errorTable, code) ? errorTable[code as ErrorCode] : undefined;
}

function hasFailed(answer: Answer): boolean {
  return answer.kind === 'result' && (answer.result.errors ?? []).some(isFailure);
}
