/**
 * Fetches a JWKS over HTTP: the one place where this step touches the network.
 * In: the configured URL (never one from a token). Out: the body's text, or a rejection whose message is for the log.
 * Clock: per key set. It must never follow a redirect, wait past its deadline or buffer more than its bound.
 */
import { type Dispatcher, request } from 'undici';

export interface FetchBounds {
  /** For the whole exchange: name, connection, headers and body. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** Resolves with the body of a 200 answer; rejects for everything else. */
export type FetchText = (url: string, bounds: FetchBounds) => Promise<string>;

/**
 * A `FetchText` on undici. Without a dispatcher it uses undici's global one.
 * A redirect is an answer other than 200: a key set's address is configured, not negotiated.
 */
export function createFetchText(dispatcher?: Dispatcher): FetchText {
  return async (url, { timeoutMs, maxBytes }) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const { statusCode, body } = await request(url, {
      method: 'GET',
      headers: { accept: 'application/jwk-set+json, application/json', 'accept-encoding': 'identity' },
      signal: deadline,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    // A body that is not read keeps its connection busy: every way out of here ends it.
    body.on('error', () => {});
    if (statusCode !== 200) {
      body.destroy();
      throw new Error(`The key set was answered with status ${statusCode}`);
    }
    const chunks: Buffer[] = [];
    let received = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      received += chunk.length;
      // Leaving the loop by an exception destroys the body.
      if (received > maxBytes) throw new Error(`The key set is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  };
}
