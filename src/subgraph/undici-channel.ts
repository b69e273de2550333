/**
 * A channel over undici's client, for origins that may speak HTTP/2. The only file that knows undici in this room.
 * In and out: `Channel`. Clock: per request. Never throws out of an undici callback.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { buildConnector, Client, type Dispatcher } from 'undici';
import type { Channel, ChannelHandler, ChannelOptions, OutgoingRequest } from './channel';
import type { AnswerHeaders } from './http1-response';

type Connect = (options: buildConnector.Options, callback: buildConnector.Callback) => Socket | TLSSocket;

/** Requests at a time on one HTTP/2 connection; node's servers allow at least as many. */
const http2Streams = 100;

export class UndiciChannel implements Channel {
  readonly #client: Client;
  readonly #keepsHeader: ChannelOptions['keepsHeader'];
  #connecting: Socket | undefined;

  constructor(origin: string, options: ChannelOptions) {
    this.#keepsHeader = options.keepsHeader;
    const connect = buildConnector({
      allowH2: true,
      timeout: options.connectTimeoutMs,
      ...options.tls,
    } as buildConnector.BuildOptions) as Connect;
    this.#client = new Client(origin, {
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (origin, callback) => {
        const target = options.address === undefined ? origin : { ...origin, hostname: options.address };
        this.#connecting = connect(target, (...result) => {
          this.#connecting = undefined;
          if (result[0] === null) {
            const capacity = 'alpnProtocol' in result[1] && result[1].alpnProtocol === 'h2' ? http2Streams : 1;
            this.#client.pipelining = capacity;
            options.onConnected(capacity);
          }
          callback(...result);
        });
        options.onSocket(this.#connecting);
      },
    });
  }

  get isDestroyed(): boolean {
    return this.#client.destroyed;
  }

  dispatch({ path, headers, body, kind, method = 'POST' }: OutgoingRequest, handler: ChannelHandler): void {
    this.#client.dispatch(
      { path, method, headers, body: method === 'GET' ? null : body, idempotent: kind === 'query', blocking: false },
      new UndiciHandler(handler, this.#keepsHeader),
    );
  }

  async destroy(): Promise<void> {
    this.#connecting?.destroy(new Error('cancelled while connecting'));
    await this.#client.destroy();
  }
}

/** Undici's older interface, which hands over headers unparsed. */
class UndiciHandler implements Dispatcher.DispatchHandler {
  constructor(
    private readonly handler: ChannelHandler,
    private readonly keepsHeader: ChannelOptions['keepsHeader'],
  ) {}

  onConnect(abort: (error?: Error) => void): void {
    this.handler.onSent(abort);
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    if (status >= 200) this.handler.onHeaders(status, readHeaders(headers, this.keepsHeader));
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.handler.onData(chunk, false);
    return true;
  }

  onComplete(): void {
    this.handler.onComplete();
  }

  onError(error: Error): void {
    this.handler.onError('code' in error && typeof error.code === 'string' ? error.code : error.name);
  }
}

function readHeaders(raw: readonly Buffer[], keeps: ChannelOptions['keepsHeader']): AnswerHeaders {
  const headers: AnswerHeaders = { contentType: '', encoding: '', length: Number.NaN };
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]?.toString('latin1').toLowerCase() ?? '';
    const value = raw[i + 1]?.toString('latin1') ?? '';
    if (name === 'content-type') headers.contentType = value;
    else if (name === 'content-encoding') headers.encoding = value;
    else if (name === 'content-length') headers.length = Number(value);
    else if (name === 'retry-after') headers.retryAfter = value;
    else if (name === 'date') headers.date = value;
    if (keeps?.(name)) kept.push(name, value);
  }
  if (kept.length > 0) headers.kept = kept;
  return headers;
}
