/**
 * Fetches key sets and API keys over HTTP: the one place where this step touches the network.
 * In: a configured URL (never one from a token). Out: the body's text, or a rejection whose message is for the log.
 * Clock: per key set, per batch of API keys. It must never follow a redirect, wait past its deadline or buffer more
 * than its bound.
 */
import { type Dispatcher, request } from 'undici';

export interface FetchBounds {
  /** For the whole exchange: name, connection, headers and body. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** Resolves with the body of a 200 answer; rejects for everything else. */
export type FetchText = (url: string, bounds: FetchBounds) => Promise<string>;

/** The same for a POST of JSON. */
export type PostJson = (
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  bounds: FetchBounds,
) => Promise<string>;

/**
 * A `FetchText` on undici. Without a dispatcher it uses undici's global one.
 * A redirect is an answer other than 200: a key set's address is configured, not negotiated.
 */
export function createFetchText(dispatcher?: Dispatcher): FetchText {
  const accept = 'application/jwk-set+json, application/json';
  return (url, bounds) => exchange(url, { method: 'GET', headers: { accept } }, bounds, dispatcher);
}

/** A `PostJson` on undici. Without a dispatcher it uses undici's global one. */
export function createPostJson(dispatcher?: Dispatcher): PostJson {
  const own = { accept: 'application/json', 'content-type': 'application/json' };
  return (url, body, headers, bounds) =>
    exchange(url, { method: 'POST', headers: { ...headers, ...own }, body: JSON.stringify(body) }, bounds, dispatcher);
}

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function exchange(
  url: string,
  { headers, ...asked }: Asked,
  { timeoutMs, maxBytes }: FetchBounds,
  dispatcher: Dispatcher | undefined,
): Promise<string> {
  const { statusCode, body } = await request(url, {
    ...asked,
    headers: { ...headers, 'accept-encoding': 'identity' },
    signal: AbortSignal.timeout(timeoutMs),
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  // A body that is not read keeps its connection busy: every way out of here ends it.
  body.on('error', () => {});
  if (statusCode !== 200) {
    body.destroy();
    throw new Error(`The answer has the status ${statusCode}`);
  }
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    received += chunk.length;
    // Leaving the loop by an exception destroys the body.
    if (received > maxBytes) throw new Error(`The answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
