/**
 * What a request has used of its rate limits, as header fields and as `extensions`: the quotas in the words of the IETF
 * draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-10). Clock: per request.
 */

export interface RateLimitReport {
  readonly quotas: readonly {
    readonly name: string;
    readonly max: number;
    readonly windowMs: number;
    readonly remaining: number;
    /** Until something of what is used comes back. */
    readonly resetMs: number;
  }[];
  /** Something was refused: when it may be asked again. */
  readonly retryAfterMs: number | undefined;
}

/** A header of more would help nobody. */
const maxQuotas = 10;

const seconds = (milliseconds: number) => Math.ceil(milliseconds / 1_000);

/**
 * Names and values in turn: `RateLimit-Policy: "general";q=100;w=60`, `RateLimit: "general";r=99;t=60`. Names of rules
 * are coordinates and words: nothing in them must be escaped. `isRefused`: the whole operation was, so that
 * `Retry-After` is about it.
 */
export function rateLimitHeaders({ quotas, retryAfterMs }: RateLimitReport, isRefused: boolean): string[] {
  const headers: string[] = [];
  const told = quotas.slice(0, maxQuotas);
  if (told.length > 0) {
    let policies = '';
    let states = '';
    for (const { name, max, windowMs, remaining, resetMs } of told) {
      const separator = policies === '' ? '' : ', ';
      policies += `${separator}"${name}";q=${max};w=${seconds(windowMs)}`;
      states += `${separator}"${name}";r=${remaining};t=${seconds(resetMs)}`;
    }
    headers.push('ratelimit-policy', policies, 'ratelimit', states);
  }
  if (isRefused && retryAfterMs !== undefined) headers.push('retry-after', String(seconds(retryAfterMs)));
  return headers;
}

/** The same for transports without headers for each answer: the value of `extensions.rateLimit`. */
export function rateLimitExtension({ quotas, retryAfterMs }: RateLimitReport): object {
  return {
    quotas: quotas.slice(0, maxQuotas).map(({ name, max, windowMs, remaining, resetMs }) => {
      return { name, max, windowSeconds: seconds(windowMs), remaining, resetSeconds: seconds(resetMs) };
    }),
    ...(retryAfterMs !== undefined && { retryAfterSeconds: seconds(retryAfterMs) }),
  };
}
