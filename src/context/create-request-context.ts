/**
 * Makes the RequestContext: id, identity, deadline, log and the headers for subgraphs.
 * In: raw headers (HTTP), or an identity that a door settled before (WebSocket). Out: the context and its two ends.
 * Clock: per request. It must never know anything of the operation, nor trust a header beyond its shape.
 */
import { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import { type RequestTrace, traceHeaderNames } from '../telemetry/traces';
import type { Trail } from '../telemetry/trail';
import type { ClientName } from '../telemetry/usage';
import type { Authenticator } from './authenticate';
import type { ClientHeaders } from './client-headers';
import { type ConnectionIdentities, createConnectionIdentities } from './connection-identity';
import { type CredentialReader, headerValues } from './credentials';
import { openDeadline, type StartTimer, startNodeTimer } from './deadline';
import type { HeaderSources, ReadHeaderSources } from './header-sources';
import type { Identity, RequestContext } from './request-context';
import { type SubgraphIdentity, subgraphIdentityHeader } from './subgraph-identity';

export const requestIdHeader = 'x-request-id';

/** Who may ask for a trail, by which headers and `extensions`. */
export interface TrailAsker {
  readonly rawHeaders: readonly string[];
  readonly extensions?: unknown;
  readonly identity: Identity;
}

export interface RequestContextOptions {
  readonly authenticator: Authenticator;
  readonly credentials: CredentialReader;
  /** Absent: subgraphs are not told who asks. */
  readonly subgraphIdentity?: SubgraphIdentity;
  /** What headers for subgraphs are made of. Absent: nothing but the gateway's own. */
  readonly readHeaderSources?: ReadHeaderSources;
  /** Collects headers of subgraphs for the client of an HTTP request. Absent: none pass. */
  readonly createClientHeaders?: ((isPrivate: boolean) => ClientHeaders) | undefined;
  /** The header by which a client asks to be told of costs (lower case). Absent: nobody is told. */
  readonly costHeader?: string;
  /** Absent: what requests do at subgraphs is not noted. */
  readonly createTrail?: ((asker: TrailAsker) => Trail | undefined) | undefined;
  /** Whether clients are counted by their names. */
  readonly readsClients?: boolean;
  readonly log: Log;
  readonly now: () => number;
  /** From the arrival of a request to its answer. */
  readonly timeoutMs: number;
  /** The header (lower case) by which clients say how long they wait, and the longest. Absent: they cannot. */
  readonly clientTimeout?: { readonly header: string; readonly maxMs: number } | undefined;
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
   * Rejects with a `ClientError` of `Authenticator`; then there is nothing to dispose.
   */
  openHttp(request: HttpAsker): Promise<OpenRequest>;
  /** For an operation of a door that has settled the identity before, at its connection. */
  open(request: {
    readonly id: string;
    readonly identity: Identity;
    readonly arrivedAt?: number;
    /** The client's address, by which anonymous callers are counted. */
    readonly ip?: string;
    /** Of the request that the connection began with: headers for subgraphs are made of them. */
    readonly rawHeaders?: readonly string[];
    /** Of the operation. */
    readonly extensions?: unknown;
  }): OpenRequest;
  /**
   * For what lives longer than a request: undefined while its credential gives what it gave, else the same request as
   * who asks now. Rejects like `openHttp`, with UNAUTHENTICATED when the credential was revoked or has expired.
   */
  renew(context: RequestContext): Promise<OpenRequest | undefined>;
  /** Who speaks on a WebSocket: what `open` is given. */
  readonly connections: ConnectionIdentities;
}

/** The part of an HTTP request that decides who asks. */
export interface HttpAsker {
  readonly id: string;
  readonly rawHeaders: readonly string[];
  /** The client's address, for the log and for limits. */
  readonly ip?: string;
  /** `extensions` of the GraphQL request, in which credentials may come. */
  readonly extensions?: unknown;
  readonly trace?: RequestTrace | undefined;
  /** Of a request to a REST route. */
  readonly route?: string | undefined;
}

/** Headers for subgraphs that differ from request to request and have no say in an answer. */
export const headersWithoutSay: ReadonlySet<string> = new Set([requestIdHeader, ...traceHeaderNames]);

/** The maker of request contexts of one gateway. */
export function createRequestContexts(options: RequestContextOptions): RequestContexts {
  const { authenticator, credentials, now } = options;
  return {
    connections: createConnectionIdentities({ authenticator, credentials }),
    async openHttp({ id, rawHeaders, ip, extensions, trace, route }) {
      const arrivedAt = now();
      const log = new RequestLog(options.log, id, trace?.traceId);
      const identity = await authenticator.authenticate(credentials.ofRequest(rawHeaders, extensions), { log, ip });
      const headers = options.createClientHeaders?.(identity.kind !== 'anonymous');
      const settled = { id, identity, arrivedAt, log, clientAddress: ip ?? '', trace, headers, route };
      return openRequest(options, withClientHeaders(settled, { rawHeaders, extensions }, options));
    },
    open({ id, identity, arrivedAt = now(), ip: clientAddress = '', rawHeaders = [], extensions }) {
      const log = new RequestLog(options.log, id, undefined);
      const settled = { id, identity, arrivedAt, log, clientAddress };
      return openRequest(options, withClientHeaders(settled, { rawHeaders, extensions }, options));
    },
    async renew({ id, identity, log, subgraphHeaders, clientAddress = '', asksCost = false }) {
      const next = await authenticator.renew(identity, { log, ip: clientAddress });
      if (next === identity) return undefined;
      const again = { id, identity: next, arrivedAt: now(), log, forwarded: subgraphHeaders, clientAddress, asksCost };
      return openRequest(options, again);
    },
  };
}

/**
 * The rest of what is settled: what the client's headers say. Throws BAD_REQUEST for those that say nothing.
 * Named one by one: to spread what is settled would cost more than all else that is done to open a request.
 */
function withClientHeaders(
  { id, identity, arrivedAt, log, clientAddress, trace, headers, route }: Omit<SettledRequest, 'forwarded'>,
  { rawHeaders, extensions }: Pick<TrailAsker, 'rawHeaders' | 'extensions'>,
  options: RequestContextOptions,
): SettledRequest {
  return {
    id,
    identity,
    arrivedAt,
    log,
    clientAddress,
    trace,
    headers,
    route,
    forwarded: options.readHeaderSources?.({ id, identity, clientAddress, rawHeaders }) ?? noSources,
    asksCost: asksForCost(rawHeaders, options),
    trail: options.createTrail?.({ rawHeaders, extensions, identity }),
    client: options.readsClients ? readClient(rawHeaders) : undefined,
    clientTimeoutMs: clientTimeoutOf(rawHeaders, options),
  };
}

function asksForCost(rawHeaders: readonly string[], { costHeader }: RequestContextOptions): boolean {
  return costHeader !== undefined && headerValues(rawHeaders, costHeader).length > 0;
}

/** Throws BAD_REQUEST for a header that says no number of milliseconds. */
function clientTimeoutOf(rawHeaders: readonly string[], { clientTimeout }: RequestContextOptions): number | undefined {
  if (clientTimeout === undefined) return undefined;
  const { header, maxMs } = clientTimeout;
  const [value, ...others] = headerValues(rawHeaders, header);
  if (value === undefined) return undefined;
  if (others.length > 0 || !/^[1-9]\d{0,9}$/.test(value.trim()))
    throw new ClientError('BAD_REQUEST', `The header "${header}" must be a number of milliseconds above 0.`);
  return Math.min(Number(value), maxMs);
}

const printable = /^[\x21-\x7e][\x20-\x7e]{0,59}$/;

/** By the headers of Apollo's clients, or those that others send; empty where they say nothing that can be printed. */
function readClient(rawHeaders: readonly string[]): ClientName {
  const read = (what: 'name' | 'version') => {
    const names = [`apollographql-client-${what}`, `graphql-client-${what}`];
    const [given = ''] = names.flatMap((name) => headerValues(rawHeaders, name));
    return printable.test(given) ? given : '';
  };
  return { name: read('name'), version: read('version') };
}

const noSources: HeaderSources = {};

interface SettledRequest {
  readonly id: string;
  readonly identity: Identity;
  readonly arrivedAt: number;
  readonly log: Log;
  readonly forwarded: HeaderSources;
  readonly clientAddress: string;
  readonly asksCost?: boolean;
  readonly trace?: RequestTrace | undefined;
  readonly headers?: ClientHeaders | undefined;
  readonly trail?: Trail | undefined;
  readonly route?: string | undefined;
  readonly client?: ClientName | undefined;
  readonly clientTimeoutMs?: number | undefined;
}

/** Opens a context whose parts are settled; `forwarded` may be the headers of an earlier one. */
export function openRequest(
  {
    subgraphIdentity,
    now,
    timeoutMs,
    startTimer = startNodeTimer,
  }: Pick<RequestContextOptions, 'subgraphIdentity' | 'now' | 'timeoutMs' | 'startTimer'>,
  request: SettledRequest,
): OpenRequest {
  const { id, identity, arrivedAt, log, forwarded, clientAddress, asksCost = false, trace, headers } = request;
  const { trail, route, client, clientTimeoutMs } = request;
  // Our own names come last: a client cannot forward an identity of its making.
  const subgraphHeaders: Record<string, string> = forwarded === noSources ? {} : { ...forwarded };
  subgraphHeaders[requestIdHeader] = id;
  if (subgraphIdentity !== undefined) subgraphHeaders[subgraphIdentityHeader] = subgraphIdentity.tokenFor(identity);
  const { deadline, clientLeft, dispose } = openDeadline(arrivedAt + (clientTimeoutMs ?? timeoutMs), now, startTimer);
  const calls = { count: 0, failed: 0 };
  const told = { rateLimits: undefined, caching: undefined, headers };
  return {
    id,
    identity,
    clientAddress,
    route,
    deadline,
    arrivedAt,
    clientTimeoutMs,
    log,
    trace,
    subgraphHeaders,
    calls,
    asksCost,
    told,
    trail,
    client,
    clientLeft,
    dispose,
  };
}

/** The log with the request's id in every line. */
class RequestLog implements Log {
  constructor(
    private readonly log: Log,
    private readonly requestId: string,
    private readonly traceId: string | undefined,
  ) {}

  error(fields: Fields, message: string): void {
    this.log.error({ requestId: this.requestId, traceId: this.traceId, ...fields }, message);
  }

  warn(fields: Fields, message: string): void {
    this.log.warn({ requestId: this.requestId, traceId: this.traceId, ...fields }, message);
  }

  info(fields: Fields, message: string): void {
    this.log.info({ requestId: this.requestId, traceId: this.traceId, ...fields }, message);
  }

  debug(fields: Fields, message: string): void {
    this.log.debug({ requestId: this.requestId, traceId: this.traceId, ...fields }, message);
  }
}

type Fields = Readonly<Record<string, unknown>>;
