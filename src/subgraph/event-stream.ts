/**
 * Subscriptions at one subgraph by GraphQL over SSE, distinct connections mode: each is a POST whose answer does not
 * end. In and out: `stream.ts`. Clock: per subscription and event. It never holds more than one event of a stream.
 */
import type { CallClock } from './call';
import { type ConnectionFailure, Connections, type ResponseSink } from './connections';
import type { AnswerHeaders } from './http1-response';
import type { StreamEnd, StreamHandlers, StreamRequest, StreamTransport, StreamTransportOptions } from './stream';

export interface EventStreamOptions extends StreamTransportOptions {
  readonly http2: boolean;
  readonly clock: CallClock;
}

/** Makes the transport of one subgraph; connections are opened when they are needed. */
export function createEventStreamTransport(options: EventStreamOptions): StreamTransport {
  const url = new URL(options.url);
  const { maxConnections, connectTimeoutMs, address, http2, tls } = options;
  const connections = new Connections(url.origin, { maxConnections, connectTimeoutMs, address, http2, tls });
  const path = url.pathname + url.search;
  return {
    open: (request, handlers) => new EventStream(options, handlers).start(connections, path, request),
    close: () => void connections.destroy(),
  };
}

const baseHeaders = ['content-type', 'application/json', 'accept', 'text/event-stream'];

class EventStream implements ResponseSink {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  private cancel = () => {};
  private stopTimer: () => void;
  private line = '';
  private event = '';
  private data: string[] = [];
  private dataLength = 0;
  private endsInReturn = false;
  private isOver = false;

  constructor(
    private readonly options: EventStreamOptions,
    private readonly handlers: StreamHandlers,
  ) {
    this.stopTimer = options.clock.schedule(() => this.lose('CONNECT_TIMEOUT'), options.connectTimeoutMs);
  }

  start(connections: Connections, path: string, { body, headers }: StreamRequest): () => void {
    const all = baseHeaders.concat(Object.entries(headers).flat());
    this.cancel = connections.send({ path, headers: all, body, kind: 'query' }, this);
    if (this.isOver) this.cancel();
    return () => this.stop();
  }

  onHeaders(status: number, { contentType, encoding }: AnswerHeaders): void {
    if (this.isOver) return;
    this.stopTimer();
    const isStream =
      /^\s*text\/event-stream\s*(;|$)/i.test(contentType) && (encoding === '' || encoding === 'identity');
    // What is wrong with the request stays wrong; what it says is not read.
    if (status >= 400 && status < 500) this.end({ kind: 'status', status });
    else if (status !== 200 || !isStream) this.lose(status === 200 ? 'CONTENT_TYPE' : `STATUS_${status}`);
    else {
      this.listen();
      this.handlers.onEstablished();
    }
  }

  onData(bytes: Buffer): void {
    if (this.isOver) return;
    this.listen();
    let text: string;
    try {
      text = this.decoder.decode(bytes, { stream: true });
    } catch {
      this.lose('NOT_UTF8');
      return;
    }
    const mayEnd = this.endsInReturn || /[\r\n]/.test(text);
    this.line += text;
    this.endsInReturn = text === '' ? this.endsInReturn : text.endsWith('\r');
    // A long line comes in many pieces: it is looked at as a whole once.
    if (mayEnd) this.readLines();
    if (this.line.length + this.dataLength > this.options.maxEventBytes) this.lose('TOO_LARGE');
  }

  /** What follows a carriage return may be the other half of the line's end. */
  private readLines(): void {
    const lines = this.line.split(/\r\n|\n|\r(?!$)/);
    this.line = lines.pop() ?? '';
    for (const line of lines) this.readLine(line);
  }

  /** A stream that ends without saying so was cut. */
  onEnd(): void {
    this.lose('ENDED');
  }

  onFailure({ reason }: ConnectionFailure): void {
    this.lose(reason);
  }

  /** Servers send comments while there is nothing to tell: twice the time without a byte is too long. */
  private listen(): void {
    this.stopTimer();
    this.stopTimer = this.options.clock.schedule(() => this.lose('KEEP_ALIVE_TIMEOUT'), 2 * this.options.keepAliveMs);
  }

  /** HTML standard, section 9.2.6. */
  private readLine(line: string): void {
    if (this.isOver) return;
    if (line === '') {
      this.dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    else if (field === 'data') {
      this.data.push(value);
      // Each line costs, even an empty one.
      this.dataLength += value.length + 1;
    }
  }

  private dispatch(): void {
    const { event, data } = this;
    this.event = '';
    this.data = [];
    this.dataLength = 0;
    if (event === 'complete') this.end({ kind: 'complete' });
    if (event !== 'next') return;
    let payload: unknown;
    try {
      payload = JSON.parse(data.join('\n'));
    } catch {
      payload = undefined;
    }
    this.handlers.onPayload(payload);
  }

  private lose(reason: string): void {
    this.end({ kind: 'lost', reason });
  }

  private end(end: StreamEnd): void {
    if (this.isOver) return;
    this.stop();
    this.handlers.onEnd(end);
  }

  private stop(): void {
    this.isOver = true;
    this.stopTimer();
    this.cancel();
  }
}
