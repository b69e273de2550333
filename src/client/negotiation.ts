/**
 * Content negotiation: `Accept` and `Accept-Encoding` in, the media type and the content coding of the answer out.
 * Clock: per request. A media type is decided before anything is executed, so that a 406 has no side effects.
 */

export type ResponseMediaType = 'application/json' | 'application/graphql-response+json';

export interface Negotiated {
  readonly mediaType: ResponseMediaType;
  /**
   * Whether the client named `application/json` itself. Only then a well-formed request that fails as GraphQL (syntax,
   * validation, variables) is answered with 200, as GraphQL over HTTP section 6.4.1 asks; a client that left the media
   * type open reads the status of the error table, which is what Apollo Server taught clients to expect.
   */
  readonly jsonByName: boolean;
}

const openJson: Negotiated = { mediaType: 'application/json', jsonByName: false };
const namedJson: Negotiated = { mediaType: 'application/json', jsonByName: true };
const graphqlResponse: Negotiated = { mediaType: 'application/graphql-response+json', jsonByName: false };

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

/**
 * The best answer for an `Accept` header, or undefined when there is none (NOT_ACCEPTABLE).
 * Higher quality wins, then the more specific range, then the client's order, then `application/json`.
 * Example: `application/graphql-response+json, application/json;q=0.9` gives `application/graphql-response+json`.
 */
export function negotiate(accept: string | undefined): Negotiated | undefined {
  if (accept === undefined || accept === '' || accept === '*/*') return openJson;
  if (accept === 'application/json') return namedJson;
  const ranges = parseAccept(accept);
  const json = match(ranges, 'application/json');
  const graphql = match(ranges, 'application/graphql-response+json');
  if (json === undefined && graphql === undefined) return undefined;
  if (graphql !== undefined && (json === undefined || isBetter(graphql, json))) return graphqlResponse;
  return json?.specificity === 2 ? namedJson : openJson;
}

/**
 * The stream that a client wants more than an answer of one piece: event streams by `text/event-stream`, multipart
 * subscriptions by `multipart/mixed;subscriptionSpec=1.0`, which stands for subscriptions alone.
 */
export function negotiateStream(accept: string | undefined): 'sse' | 'multipart' | undefined {
  if (accept === undefined) return undefined;
  if (accept.includes('text/event-stream')) {
    const ranges = parseAccept(accept);
    const events = match(ranges, 'text/event-stream');
    const json = match(ranges, 'application/json');
    if (events && (json === undefined || isBetter(events, json))) return 'sse';
  }
  return /multipart\/mixed\s*;[^,]*subscriptionSpec="?1\.0/i.test(accept) ? 'multipart' : undefined;
}

/** Whether a client takes an answer in parts: `multipart/mixed`, in the form that Apollo's clients name `deferSpec=20220824`. */
export function negotiateParts(accept: string | undefined): boolean {
  return /multipart\/mixed(?![^,]*subscriptionSpec)(?![^,]*deferSpec(?!="?20220824))/i.test(accept ?? '');
}

/** Whether a GET comes from a browser's address bar: `text/html` is wanted more than any answer of GraphQL. */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes('text/html')) return false;
  const ranges = parseAccept(accept);
  const html = match(ranges, 'text/html');
  if (html === undefined) return false;
  const json = match(ranges, 'application/json');
  const graphql = match(ranges, 'application/graphql-response+json');
  return (json === undefined || isBetter(html, json)) && (graphql === undefined || isBetter(html, graphql));
}

export type ContentCoding = 'br' | 'gzip' | 'deflate';

/**
 * The coding of `available` (the best first) that an `Accept-Encoding` header takes with the highest quality, unless it
 * wants the answer as it is more than any (RFC 9110, section 12.5.3). Example: `gzip, br;q=0.5` gives `gzip`.
 */
export function negotiateCoding(
  acceptEncoding: string | string[] | undefined,
  available: readonly ContentCoding[],
): ContentCoding | undefined {
  if (acceptEncoding === undefined) return undefined;
  const ranges = parseAccept(String(acceptEncoding));
  const qualityFor = (coding: string): number | undefined =>
    (ranges.find(({ type }) => type === coding) ?? ranges.find(({ type }) => type === '*'))?.quality;
  let best: ContentCoding | undefined;
  let bestQuality = 0;
  for (const coding of available) {
    const quality = qualityFor(coding) ?? 0;
    if (quality > bestQuality) {
      best = coding;
      bestQuality = quality;
    }
  }
  const plain = ranges.find(({ type }) => type === 'identity')?.quality ?? 0;
  return plain > bestQuality ? undefined : best;
}

interface Match {
  readonly quality: number;
  /** 2 for the type itself, 1 for `type/*`, 0 for a full wildcard. */
  readonly specificity: number;
  readonly order: number;
}

function isBetter(one: Match, other: Match): boolean {
  if (one.quality !== other.quality) return one.quality > other.quality;
  if (one.specificity !== other.specificity) return one.specificity > other.specificity;
  return one.order < other.order;
}

/** The most specific range that covers `type` decides its quality (RFC 9110, section 12.5.1); quality 0 forbids it. */
function match(ranges: readonly MediaRange[], type: string): Match | undefined {
  const family = `${type.slice(0, type.indexOf('/'))}/*`;
  let best: Match | undefined;
  for (const [order, range] of ranges.entries()) {
    const specificity = range.type === type ? 2 : range.type === family ? 1 : range.type === '*/*' ? 0 : -1;
    if (specificity < 0 || (best !== undefined && best.specificity >= specificity)) continue;
    best = { quality: range.quality, specificity, order };
  }
  return best !== undefined && best.quality > 0 ? best : undefined;
}

function parseAccept(accept: string): MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const part of accept.split(',')) {
    const [type = '', ...parameters] = part.split(';');
    ranges.push({ type: type.trim().toLowerCase(), quality: qualityOf(parameters) });
  }
  return ranges;
}

function qualityOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    if (name.trim().toLowerCase() !== 'q') continue;
    const quality = Number(value.trim());
    return Number.isNaN(quality) ? 0 : Math.min(Math.max(quality, 0), 1);
  }
  return 1;
}
