/**
 * How long an answer holds, as header fields: `Cache-Control`, `Age`, `ETag`, `Vary` (RFC 9111, RFC 9110 section 8.8),
 * and 304 for who has it already (section 13.1.2). In: an answer and what was noted when it was made. Out: the answer
 * with these in place of `no-store`. Clock: per request.
 */
import { createHash } from 'node:crypto';
import type { HttpAnswer } from './graphql-response';

/** Noted for answers that hold for a while; all others are nobody's to keep. */
export interface CachingReport {
  readonly isPrivate: boolean;
  readonly maxAgeMs: number;
  /** Of an answer that was kept. */
  readonly ageMs: number;
  /** A digest of the GraphQL answer's text, where it is known already. */
  readonly etag: string | undefined;
  readonly staleWhileRevalidateMs: number | undefined;
  /** What subgraphs said to the client when the answer was made: names and values in turn. */
  readonly headers: readonly string[] | undefined;
  /** Headers of the request (lower case) that the answer depends on, as `Vary` names them: `accept, x-tenant`. */
  readonly vary: string;
}

/** The same for whoever asks alone: others may not ask it. */
export function personal(report: CachingReport | undefined): CachingReport | undefined {
  return (
    report && {
      ...report,
      isPrivate: true,
      vary: [...new Set([...report.vary.split(', '), 'authorization', 'cookie'])].join(', '),
    }
  );
}

/** What a conditional request asks by. */
export interface Condition {
  readonly method: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Tells apart what is made of one GraphQL answer. */
  readonly representation: string;
}

/** A digest for `ETag`: 160 bits, as they stand in a header. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27);
}

/** Names and values in turn: `Cache-Control: public, max-age=30`, `Vary: accept`, and `Age` of what was kept. */
export function cachingHeaders(report: CachingReport): string[] {
  const { isPrivate, maxAgeMs, ageMs, staleWhileRevalidateMs, vary } = report;
  const control = [isPrivate ? 'private' : 'public', `max-age=${seconds(maxAgeMs)}`];
  if (staleWhileRevalidateMs !== undefined) control.push(`stale-while-revalidate=${seconds(staleWhileRevalidateMs)}`);
  const headers = ['cache-control', control.join(', '), 'vary', vary];
  if (ageMs >= 1_000) headers.push('age', String(seconds(ageMs)));
  return headers;
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1_000);

/** The entity tag of what is made of an answer that was reported on. */
export function entityTag({ etag }: CachingReport, representation: string, body: () => string): string {
  return `"${etag ?? digestOf(body())}${representation}"`;
}

/** Weak comparison (RFC 9110, section 13.1.2): a compressed answer has a weak tag. */
export function matchesTag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag) return true;
  return ifNoneMatch
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === etag);
}

/** What subgraphs said of an answer in header fields. */
export interface SubgraphSayings {
  /** All but `Cache-Control`; names and values in turn. Undefined: nothing. */
  readonly headers: readonly string[] | undefined;
  /** Infinite where they set no bound, 0 where nobody may keep it. */
  readonly maxAgeMs: number;
  readonly isPrivate: boolean;
}

const nothingSaid: SubgraphSayings = { headers: undefined, maxAgeMs: Number.POSITIVE_INFINITY, isPrivate: false };

/** `list`: what header rules let pass of all subgraphs, with one `cache-control`, the most restrictive. */
export function readSubgraphSayings(list: readonly string[]): SubgraphSayings {
  if (list.length === 0) return nothingSaid;
  const at = list.indexOf('cache-control');
  const control = at < 0 ? undefined : (list[at + 1] ?? '');
  const headers = withoutHeaders(list, ['cache-control']);
  if (control === undefined) return { ...nothingSaid, headers };
  const ages = [...control.matchAll(/(?:max-age|s-maxage)=(\d+)/g)].map(([, age]) => Number(age) * 1_000);
  const isKept = !/no-store|no-cache/.test(control) && ages.length > 0;
  return { headers, maxAgeMs: isKept ? Math.min(...ages) : 0, isPrivate: control.includes('private') };
}

/** The answer with its headers, or 304. An answer with errors, and one that a plugin has made a failure, stays as it is. */
export function withCaching(
  answer: HttpAnswer,
  report: CachingReport,
  { method, ifNoneMatch, representation }: Condition,
): HttpAnswer {
  if (answer.status !== 200 || answer.code !== undefined) return answer;
  const others = withoutHeaders(answer.headers, ['cache-control', 'vary']);
  const headers = [...others, ...cachingHeaders(report)];
  // Only what is asked by GET can be asked again by its URL.
  if (method === 'POST') return { ...answer, headers };
  const etag = entityTag(report, representation, () => answer.body);
  headers.push('etag', etag);
  return matchesTag(ifNoneMatch, etag) ? notModified(headers) : { ...answer, headers };
}

/** RFC 9110, section 15.4.5: the headers that a 200 would have, but those of its body. */
export function notModified(headers: readonly string[]): HttpAnswer {
  return { status: 304, headers: withoutHeaders(headers, ['content-type']), body: '', code: undefined };
}

function withoutHeaders(headers: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (!names.includes(name)) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}
