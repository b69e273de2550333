/**
 * Headers of subgraphs' answers on their way to the client: those that rules pass on, of all calls of one request.
 * In: header lines of each answer. Out: names and values in turn. Clock: per generation (compile), per call (collect).
 * A header of one connection never passes, nor one that the gateway itself sends.
 */
import {
  isOwnOfAnswers,
  type OperationKind,
  type ResponseHeaderRule,
  rulesFor,
  splitPatterns,
} from '../config/headers';
import { mayPass } from './header-sources';

/** What one request has collected. */
export interface ClientHeaders {
  /** Names (lower case) and values in turn, that the gateway itself sets. Never those that it sends anyway. */
  add(headers: readonly string[]): void;
  /** What an identical request, whose answer this one shares, has collected. */
  adopt(other: ClientHeaders): void;
  /** Names (lower case) and values in turn. `failed`: the answer has errors, so that no cache may keep it. */
  list(failed: boolean): readonly string[];
}

/** How the answers of one subgraph to one kind of operation are collected. */
export interface HeaderCollector {
  /** Whether a header (lower case) matters. */
  keeps(name: string): boolean;
  /** `lines`: names (lower case) and values in turn. */
  collect(headers: ClientHeaders, lines: readonly string[]): void;
}

type Merge = 'first' | 'last' | 'append' | 'lines' | 'cache';

interface Target {
  readonly name: string;
  readonly merge: Merge;
}

/** Of one header; a subgraph that sends more is not worth the bytes. */
const maxLines = 50;
const maxKnownNames = 1_000;
const plainValue = /^[\t\x20-\x7e\x80-\xff]*$/;

class CollectedHeaders implements ClientHeaders {
  readonly #lines = new Map<string, string[]>();
  #cache: CachePolicy | undefined;

  constructor(
    private readonly fixed: readonly string[],
    private readonly isPrivate: boolean,
  ) {}

  put({ name, merge }: Target, value: string): void {
    const lines = this.#lines.get(name);
    if (lines === undefined) this.#lines.set(name, [value]);
    else if (merge === 'last') lines[0] = value;
    else if (merge !== 'first' && lines.length < maxLines) lines.push(value);
  }

  /** Undefined: a subgraph that said nothing of caches, so that none may keep its answer. */
  restrict(value: string | undefined): void {
    this.#cache = mostRestrictive(this.#cache, readCacheControl(value));
  }

  add(headers: readonly string[]): void {
    for (let index = 0; index + 1 < headers.length; index += 2) {
      const name = headers[index] ?? '';
      const merge = name === 'set-cookie' ? 'lines' : 'last';
      if (mayPass(name) && !isOwnOfAnswers(name)) this.put({ name, merge }, headers[index + 1] ?? '');
    }
  }

  adopt(other: ClientHeaders): void {
    if (!(other instanceof CollectedHeaders)) return;
    this.#cache = other.#cache;
    for (const [name, lines] of other.#lines) this.#lines.set(name, [...lines]);
  }

  list(failed: boolean): readonly string[] {
    const list = [...this.fixed];
    for (const [name, lines] of this.#lines) {
      if (name === 'set-cookie') for (const line of lines) list.push(name, line);
      else list.push(name, lines.join(', '));
    }
    if (this.#cache && !failed) list.push('cache-control', writeCacheControl(this.#cache, this.isPrivate));
    return list;
  }
}

/** `isPrivate`: the answer is for somebody in particular. Undefined where no rule is: nothing is collected then. */
export function compileClientHeaders(
  rules: readonly ResponseHeaderRule[],
  hasHooks = false,
): ((isPrivate: boolean) => ClientHeaders) | undefined {
  if (rules.length === 0 && !hasHooks) return undefined;
  const fixed = rules.flatMap((rule) => (rule.kind === 'set' ? [rule.name, rule.value] : []));
  return (isPrivate) => new CollectedHeaders(fixed, isPrivate);
}

/** Undefined where no rule is for it. */
export function compileHeaderCollector(
  all: readonly ResponseHeaderRule[],
  subgraph: string,
  kind: OperationKind,
): HeaderCollector | undefined {
  const rules = rulesFor(all, subgraph, kind).filter((rule) => rule.kind !== 'set');
  if (!rules.some((rule) => rule.kind === 'propagate')) return undefined;
  const targetOf = remember((name) => findTarget(rules, name));
  const heedsCaches = targetOf('cache-control')?.merge === 'cache';
  return {
    keeps: (name) => targetOf(name) !== undefined,
    collect(headers, lines) {
      if (!(headers instanceof CollectedHeaders)) return;
      let cacheControl: string | undefined;
      for (let index = 0; index + 1 < lines.length; index += 2) {
        const value = lines[index + 1] ?? '';
        const target = targetOf(lines[index] ?? '');
        if (target === undefined || !plainValue.test(value)) continue;
        if (target.merge === 'cache') cacheControl = cacheControl === undefined ? value : `${cacheControl}, ${value}`;
        else headers.put(target, value);
      }
      if (heedsCaches) headers.restrict(kind === 'query' ? cacheControl : undefined);
    },
  };
}

/** Which headers (lower case names) of a subgraph's answers, to a query or a mutation, matter; undefined: none. */
export function compileKeptHeaders(
  rules: readonly ResponseHeaderRule[],
  subgraph: string,
): ((name: string) => boolean) | undefined {
  const query = compileHeaderCollector(rules, subgraph, 'query');
  const mutation = compileHeaderCollector(rules, subgraph, 'mutation');
  if (query === undefined && mutation === undefined) return undefined;
  return (name) => query?.keeps(name) === true || mutation?.keeps(name) === true;
}

/** Whether queries to this subgraph, or to any, may set cookies: then no two clients may share an answer. */
export function mayQueriesSetCookies(rules: readonly ResponseHeaderRule[], subgraph?: string): boolean {
  const known = subgraph === undefined ? rules : rulesFor(rules, subgraph, 'query');
  const ofQueries = known.filter(({ operations }) => operations?.includes('query') ?? true);
  return findTarget(ofQueries, 'set-cookie') !== undefined || ofQueries.some((rule) => makesCookies(rule));
}

function makesCookies(rule: ResponseHeaderRule): boolean {
  if (rule.kind !== 'propagate') return false;
  const { exact, prefixes } = splitPatterns(rule.names);
  return rule.as === 'set-cookie' || matches('set-cookie', exact, prefixes);
}

/** What becomes of a header: the last rule that matches decides. */
function findTarget(rules: readonly ResponseHeaderRule[], name: string): Target | undefined {
  let target: Target | undefined;
  for (const rule of rules) {
    if (rule.kind === 'set') continue;
    const { exact, prefixes } = splitPatterns(rule.names);
    const mayBe = exact.includes(name) || (mayPass(name) && !isOwnOfAnswers(name));
    if (!mayBe || !matches(name, exact, prefixes)) continue;
    target =
      rule.kind === 'remove' ? undefined : { name: rule.as ?? name, merge: mergeOf(rule.as ?? name, rule.merge) };
  }
  return target;
}

function matches(name: string, exact: readonly string[], prefixes: readonly string[]): boolean {
  return exact.includes(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

function mergeOf(name: string, merge: 'first' | 'last' | 'append' = 'last'): Merge {
  if (name === 'set-cookie') return 'lines';
  return name === 'cache-control' ? 'cache' : merge;
}

/** Subgraphs send the same names again and again; what they make up is not kept for ever. */
function remember(find: (name: string) => Target | undefined): (name: string) => Target | undefined {
  const known = new Map<string, Target | undefined>();
  return (name) => {
    if (known.has(name)) return known.get(name);
    const target = find(name);
    if (known.size < maxKnownNames) known.set(name, target);
    return target;
  };
}

interface CachePolicy {
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly isPrivate: boolean;
  readonly isPublic: boolean;
  readonly mustRevalidate: boolean;
  /** Seconds; of shared caches another number, where a subgraph gave one. */
  readonly maxAge: number;
  readonly sharedMaxAge: number | undefined;
}

/** RFC 9111, section 5.2.2. What says nothing of an age is not kept without being asked for again. */
function readCacheControl(value: string | undefined): CachePolicy {
  const directives = new Map(
    (value ?? 'no-store')
      .toLowerCase()
      .split(',')
      .map((part): [string, string] => {
        const [name = '', argument = ''] = part.trim().split('=', 2);
        return [name, argument.replaceAll('"', '')];
      }),
  );
  const seconds = (name: string) => {
    const text = directives.get(name);
    return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  };
  const maxAge = seconds('max-age');
  const sharedMaxAge = seconds('s-maxage');
  return {
    noStore: directives.has('no-store') || value === undefined,
    noCache: directives.has('no-cache') || (maxAge === undefined && sharedMaxAge === undefined),
    isPrivate: directives.has('private'),
    isPublic: directives.has('public'),
    mustRevalidate: directives.has('must-revalidate'),
    maxAge: maxAge ?? 0,
    sharedMaxAge,
  };
}

function mostRestrictive(one: CachePolicy | undefined, other: CachePolicy): CachePolicy {
  if (one === undefined) return other;
  const hasShared = one.sharedMaxAge !== undefined || other.sharedMaxAge !== undefined;
  const shared = Math.min(one.sharedMaxAge ?? one.maxAge, other.sharedMaxAge ?? other.maxAge);
  return {
    noStore: one.noStore || other.noStore,
    noCache: one.noCache || other.noCache,
    isPrivate: one.isPrivate || other.isPrivate,
    isPublic: one.isPublic && other.isPublic,
    mustRevalidate: one.mustRevalidate || other.mustRevalidate,
    maxAge: Math.min(one.maxAge, other.maxAge),
    sharedMaxAge: hasShared ? shared : undefined,
  };
}

function writeCacheControl(policy: CachePolicy, isPrivate: boolean): string {
  if (policy.noStore) return 'no-store';
  const mustBePrivate = isPrivate || policy.isPrivate;
  return [
    ...(mustBePrivate ? ['private'] : policy.isPublic ? ['public'] : []),
    ...(policy.noCache ? ['no-cache'] : []),
    `max-age=${policy.maxAge}`,
    ...(policy.sharedMaxAge !== undefined && !mustBePrivate ? [`s-maxage=${policy.sharedMaxAge}`] : []),
    ...(policy.mustRevalidate ? ['must-revalidate'] : []),
  ].join(', ');
}
