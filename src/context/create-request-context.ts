/**
 * Makes the RequestContext: id, identity, deadline, log and the headers for subgraphs.
 * In: raw headers (HTTP), or an identity that a door settled before (WebSocket). Out: the context and its two ends.
 * Clock: per request. It must never know anything of the operation, nor trust a header beyond its shape.
 */
import { randomUUID } from 'node:crypto';
import type { Log } from '../telemetry/log';
import type { Authenticator } from './authenticate';
import { headerValues, readCredential } from './bearer';
import { openDeadline, type StartTimer, startNodeTimer } from './deadline';
import type { Identity, RequestContext } from './request-context';
import { type SubgraphIdentity, subgraphIdentityHeader } from './subgraph-identity';

export const requestIdHeader = 'x-request-id';

export interface RequestContextOptions {
  readonly authenticator: Authenticator;
  /** Absent: subgraphs are not told who asks. */
  readonly subgraphIdentity?: SubgraphIdentity;
  /** Names (lower case) of the client's headers that some subgraph gets. Default: none. */
  readonly forwardHeaders?: readonly string[];
  readonly log: Log;
  readonly now: () => number;
  /** From the arrival of a request to its answer. */
  readonly timeoutMs: number;
  readonly startTimer?: StartTimer;
}

/** A context and what ends it. `dispose` is called once the answer is out, whatever happened. */
export interface OpenRequest extends RequestContext {
  clientLeft(): void;
  dispose(): void;
}

export interface RequestContexts {
  /**
   * For a request over HTTP. The deadline counts from this call, so that waiting for keys is within it.
   * Rejects with a `ClientError` (UNAUTHENTICATED); then there is nothing to dispose.
   */
  openHttp(request: { readonly id: string; readonly rawHeaders: readonly string[] }): Promise<OpenRequest>;
  /** For an operation of a door that has settled the identity before, at its connection. */
  open(request: { readonly id: string; readonly identity: Identity; readonly arrivedAt?: number }): OpenRequest;
}

/** The maker of request contexts of one gateway. */
export function createRequestContexts(options: RequestContextOptions): RequestContexts {
  const { authenticator, now } = options;
  return {
    async openHttp({ id, rawHeaders }) {
      const arrivedAt = now();
      const log = new RequestLog(options.log, id);
      const identity = await authenticator.authenticate(readCredential(rawHeaders), log);
      const forwarded = readForwarded(rawHeaders, options.forwardHeaders ?? []);
      return openRequest(options, { id, identity, arrivedAt, log, forwarded });
    },
    open({ id, identity, arrivedAt = now() }) {
      return openRequest(options, { id, identity, arrivedAt, log: new RequestLog(options.log, id), forwarded: {} });
    },
  };
}

const acceptableId = /^[A-Za-z0-9._-]{1,64}$/;

/** The id that the client or a proxy gave, if there is one and it can be written anywhere; else a new one. */
export function requestIdFrom(rawHeaders: readonly string[], newId: () => string = randomUUID): string {
  const [given, ...others] = headerValues(rawHeaders, requestIdHeader);
  return given !== undefined && others.length === 0 && acceptableId.test(given) ? given : newId();
}

function readForwarded(rawHeaders: readonly string[], names: readonly string[]): Readonly<Record<string, string>> {
  const forwarded: Record<string, string> = {};
  for (const name of names) {
    const values = headerValues(rawHeaders, name);
    if (name !== subgraphIdentityHeader && values.length > 0) forwarded[name] = values.join(', ');
  }
  return forwarded;
}

function openRequest(
  { subgraphIdentity, now, timeoutMs, startTimer = startNodeTimer }: RequestContextOptions,
  request: {
    readonly id: string;
    readonly identity: Identity;
    readonly arrivedAt: number;
    readonly log: Log;
    readonly forwarded: Readonly<Record<string, string>>;
  },
): OpenRequest {
  const { id, identity, arrivedAt, log, forwarded } = request;
  // Our own names come last: a client cannot forward an identity of its making.
  const subgraphHeaders: Record<string, string> = { ...forwarded, [requestIdHeader]: id };
  if (subgraphIdentity !== undefined) subgraphHeaders[subgraphIdentityHeader] = subgraphIdentity.tokenFor(identity);
  const { deadline, clientLeft, dispose } = openDeadline(arrivedAt + timeoutMs, now, startTimer);
  return { id, identity, deadline, log, subgraphHeaders, calls: { count: 0, failed: 0 }, clientLeft, dispose };
}

/** The log with the request's id in every line. */
class RequestLog implements Log {
  constructor(
    private readonly log: Log,
    private readonly requestId: string,
  ) {}

  error(fields: Fields, message: string): void {
    this.log.error({ requestId: this.requestId, ...fields }, message);
  }

  warn(fields: Fields, message: string): void {
    this.log.warn({ requestId: this.requestId, ...fields }, message);
  }

  info(fields: Fields, message: string): void {
    this.log.info({ requestId: this.requestId, ...fields }, message);
  }

  debug(fields: Fields, message: string): void {
    this.log.debug({ requestId: this.requestId, ...fields }, message);
  }
}

type Fields = Readonly<Record<string, unknown>>;
