/**
 * A request that is not GraphQL, passed to an instance of a subgraph: its bytes as they come, the answer as it comes.
 * In: method, path, headers, body. Out: the answer's status, headers and stream. Clock: per request. It counts like any
 * other call, and is sent once; neither a hop's headers nor the gateway's own may come from the client.
 */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import type { TlsSettings } from '../config/tls';
import { mayPass } from '../context/header-sources';
import type { RequestContext } from '../context/request-context';
import { subgraphIdentityHeader } from '../context/subgraph-identity';
import { type ErrorCode, SubgraphError } from '../errors';
import type { CallSpan } from '../telemetry/traces';
import { headerValue, unavailable } from './attempts';
import type { Instance } from './balancing';
import type { Passage } from './breaker';
import { affinityOf, type CallDependencies, type CallSettings } from './call';
import type { Verdict } from './circuit-state';
import type { Instances } from './instances';

export interface ForwardRequest {
  readonly subgraph: string;
  readonly method: string;
  /** Path and query string at the origin of the subgraph. */
  readonly path: string;
  /** Of the client, by lower case names: what belongs to a connection, or to the gateway, is left out. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable | undefined;
  /** Whose reason is a `SubgraphError` where the time is over. */
  readonly signal: AbortSignal;
  /** After which the signal ends it. */
  readonly timeoutMs: number;
  readonly context: RequestContext;
}

/** Rejects with SUBREQUEST_HTTP_ERROR, SUBREQUEST_ABORTED, SUBGRAPH_UNAVAILABLE, or the reason of the signal. */
export type Forward = (request: ForwardRequest) => Promise<IncomingMessage>;

export interface ForwardTarget {
  readonly url: URL;
  readonly address: string | undefined;
}

export interface ForwardOptions extends Pick<CallDependencies, 'clock' | 'onCall'> {
  readonly instances: Instances<ForwardTarget>;
  readonly settings: CallSettings;
  readonly hashHeader: string | undefined;
  readonly tls: TlsSettings | undefined;
}

/** Headers of the body, which no rule may pass by itself. */
const bodyHeaders: ReadonlySet<string> = new Set(['accept', 'content-length', 'content-type']);

export function createForward(options: ForwardOptions): Forward {
  return (request) => new ForwardedCall(request, options).run();
}

class ForwardedCall {
  readonly #kind: 'query' | 'mutation';
  readonly #startedAt: number;
  /** When the last byte of the request was sent: how long a client takes for it is not the subgraph's doing. */
  #sentAt: number | undefined;
  #passage: Passage | undefined;
  #span: CallSpan | undefined;

  constructor(
    private readonly request: ForwardRequest,
    private readonly options: ForwardOptions,
  ) {
    this.#kind = request.method === 'GET' ? 'query' : 'mutation';
    this.#startedAt = options.clock.elapsed();
  }

  async run(): Promise<IncomingMessage> {
    const { subgraph, context } = this.request;
    const { breaker } = this.options.settings;
    context.calls.count += 1;
    this.#passage = breaker?.begin(this.#startedAt);
    if (breaker !== undefined && this.#passage === undefined)
      throw this.#fail(unavailable(subgraph, this.options.instances.all.length), 'none');
    this.#span = context.trace?.call(subgraph, this.#kind);
    const own = this.#ownHeaders();
    const instance = this.#pick(own);
    if (instance === undefined) throw this.#fail(unavailable(subgraph, this.options.instances.all.length), 'bad');
    return this.#ask(instance, own);
  }

  /** Those of rules, and the gateway's own: names and values in turn. */
  #ownHeaders(): string[] {
    const { context, timeoutMs } = this.request;
    const { writeHeaders, deadlineHeader } = this.options.settings;
    const list: string[] = [];
    writeHeaders[this.#kind](context.subgraphHeaders, list, this.#span !== undefined);
    if (this.#span !== undefined) list.push(...this.#span.headers);
    if (deadlineHeader !== undefined) list.push(deadlineHeader, String(timeoutMs));
    return list;
  }

  #pick(own: readonly string[]): Instance<ForwardTarget> | undefined {
    const { instances, hashHeader, settings } = this.options;
    const affinity = settings.keepsIdentities ? affinityOf(this.request.context.identity) : '';
    const key = hashHeader === undefined ? affinity : headerValue(own, hashHeader);
    return instances.pick(this.#startedAt, [], this.#kind === 'mutation', key);
  }

  async #ask(instance: Instance<ForwardTarget>, own: readonly string[]): Promise<IncomingMessage> {
    const { instances, clock } = this.options;
    const { signal, subgraph } = this.request;
    const isProbe = instances.begin(instance, this.#startedAt);
    // What a file takes says nothing of how long calls take.
    const settle = (verdict: Verdict) => instances.end(instance, verdict, isProbe, instance.latencyMs, clock.elapsed());
    try {
      const answer = await this.#send(instance, headersOf(this.request, own));
      const { statusCode = 500 } = answer;
      const verdict = statusCode < 500 ? 'good' : 'bad';
      let isCut = false;
      answer.once('error', ({ code }: NodeJS.ErrnoException) => {
        isCut = code === 'ECONNRESET' && !signal.aborted;
      });
      // The instance is busy with it until its last byte.
      answer.once('close', () => settle(isCut ? 'bad' : verdict));
      this.#collectHeaders(answer);
      this.#end(outcomeOf(statusCode), verdict);
      return answer;
    } catch (error) {
      const reason: unknown = signal.reason;
      const hasLeft = signal.aborted && !(reason instanceof SubgraphError);
      const verdict = hasLeft ? 'none' : 'bad';
      settle(verdict);
      if (reason instanceof SubgraphError) throw this.#fail(reason, verdict);
      const code = hasLeft ? 'SUBREQUEST_ABORTED' : 'SUBREQUEST_HTTP_ERROR';
      const detail = { reason: (error as NodeJS.ErrnoException).code };
      throw this.#fail(
        new SubgraphError(code, subgraph, `Subgraph '${subgraph}' could not be reached.`, detail),
        verdict,
      );
    }
  }

  #collectHeaders({ rawHeaders }: IncomingMessage): void {
    const { told } = this.request.context;
    const collector = this.options.settings.collectors?.[this.#kind];
    if (told?.headers === undefined || collector === undefined) return;
    collector.collect(
      told.headers,
      rawHeaders.map((item, index) => (index % 2 === 0 ? item.toLowerCase() : item)),
    );
  }

  #fail(error: SubgraphError, verdict: Verdict): SubgraphError {
    const { context, subgraph } = this.request;
    context.calls.failed += 1;
    if (error.code !== 'SUBREQUEST_ABORTED')
      context.log.warn({ subgraph, code: error.code, detail: error.detail }, 'A subgraph call failed.');
    this.#end(error.code, verdict);
    return error;
  }

  #end(outcome: 'ok' | ErrorCode, verdict: Verdict): void {
    const { clock, onCall, settings } = this.options;
    const now = clock.elapsed();
    this.#span?.end(outcome);
    if (this.#passage !== undefined) settings.breaker?.end(this.#passage, verdict, now - (this.#sentAt ?? now), now);
    const { subgraph } = this.request;
    onCall?.({ subgraph, kind: this.#kind, durationMs: now - this.#startedAt, outcome, shared: false });
  }

  #send(
    { target: { url, address } }: Instance<ForwardTarget>,
    headers: Readonly<Record<string, string>>,
  ): Promise<IncomingMessage> {
    const { method, path, body, signal } = this.request;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const isTls = url.protocol === 'https:';
    const tls = isTls ? { ...(isIP(host) === 0 && { servername: host }), ...this.options.tls } : {};
    return new Promise((resolve, reject) => {
      const outgoing = (isTls ? requestHttps : requestHttp)({
        ...tls,
        hostname: address ?? host,
        port: url.port,
        method,
        path,
        headers: { ...headers, host: url.host },
        // A connection of its own: a POST that met the end of an old one could not be sent again.
        agent: false,
        signal,
      });
      outgoing.on('error', reject);
      outgoing.once('finish', () => {
        this.#sentAt = this.options.clock.elapsed();
      });
      outgoing.on('response', (answer) => {
        // A refusal may come before the body is over: the rest is not waited for.
        if ((answer.statusCode ?? 0) >= 400) body?.unpipe(outgoing).resume();
        resolve(answer);
      });
      if (!body) {
        outgoing.end();
        return;
      }
      body.on('error', (error) => outgoing.destroy(error));
      body.pipe(outgoing);
    });
  }
}

function outcomeOf(status: number): 'ok' | ErrorCode {
  if (status >= 500) return 'SUBREQUEST_HTTP_ERROR';
  return status >= 400 ? 'DOWNSTREAM_SERVICE_ERROR' : 'ok';
}

/** The gateway's own come last: a client cannot send them. */
function headersOf({ headers }: ForwardRequest, own: readonly string[]): Record<string, string> {
  const written: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name === subgraphIdentityHeader || !(mayPass(name) || bodyHeaders.has(name))) continue;
    written[name] = value;
  }
  for (let index = 0; index < own.length; index += 2) written[own[index] ?? ''] = own[index + 1] ?? '';
  return written;
}
