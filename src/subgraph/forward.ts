/**
 * A request that is not GraphQL, passed to an instance of a subgraph: its bytes as they come, the answer as it comes.
 * In: method, path, headers, body. Out: the answer's status, headers and stream. Clock: per request. It is sent once;
 * neither a hop's headers nor the gateway's own may come from the client.
 */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import type { TlsSettings } from '../config/tls';
import { mayPass } from '../context/header-sources';
import type { RequestContext } from '../context/request-context';
import { subgraphIdentityHeader } from '../context/subgraph-identity';
import { SubgraphError } from '../errors';
import type { Instance } from './balancing';
import type { CallClock } from './call';
import type { Verdict } from './circuit-state';
import type { Instances } from './instances';
import type { WriteHeaders } from './request-headers';

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
  readonly context: RequestContext;
}

/** Rejects with SUBREQUEST_HTTP_ERROR, SUBGRAPH_UNAVAILABLE, or the reason of the signal. */
export type Forward = (request: ForwardRequest) => Promise<IncomingMessage>;

export interface ForwardTarget {
  readonly url: URL;
  readonly address: string | undefined;
}

export interface ForwardOptions {
  readonly instances: Instances<ForwardTarget>;
  readonly clock: CallClock;
  readonly tls: TlsSettings | undefined;
  readonly writeHeaders: WriteHeaders;
}

/** Headers of the body, which no rule may pass by itself. */
const bodyHeaders: ReadonlySet<string> = new Set(['accept', 'content-length', 'content-type']);

export function createForward({ instances, clock, tls, writeHeaders }: ForwardOptions): Forward {
  return async (request) => {
    const { subgraph, method, context } = request;
    const instance = instances.pick(clock.elapsed(), []);
    if (!instance)
      throw new SubgraphError('SUBGRAPH_UNAVAILABLE', subgraph, `No instance of subgraph '${subgraph}' is available.`);
    const isProbe = instances.begin(instance, clock.elapsed());
    const span = context.trace?.call(subgraph, method === 'GET' ? 'query' : 'mutation');
    const list: string[] = [];
    writeHeaders(context.subgraphHeaders, list, span !== undefined);
    if (span) list.push(...span.headers);
    context.calls.count += 1;
    // What a file takes says nothing of how long calls take.
    const settle = (verdict: Verdict) => instances.end(instance, verdict, isProbe, instance.latencyMs, clock.elapsed());
    try {
      const answer = await send(instance, request, headersOf(request, list), tls);
      settle((answer.statusCode ?? 500) < 500 ? 'good' : 'bad');
      span?.end('ok');
      return answer;
    } catch (error) {
      const { reason } = request.signal;
      settle(request.signal.aborted && !(reason instanceof SubgraphError) ? 'none' : 'bad');
      context.calls.failed += 1;
      const failure =
        reason instanceof SubgraphError
          ? reason
          : new SubgraphError('SUBREQUEST_HTTP_ERROR', subgraph, `Subgraph '${subgraph}' could not be reached.`, {
              reason: (error as NodeJS.ErrnoException).code,
            });
      span?.end(failure.code);
      throw failure;
    }
  };
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

function send(
  { target: { url, address } }: Instance<ForwardTarget>,
  { method, path, body, signal }: ForwardRequest,
  headers: Readonly<Record<string, string>>,
  settings: TlsSettings | undefined,
): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  const tls = isTls ? { ...(isIP(host) === 0 && { servername: host }), ...settings } : {};
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
