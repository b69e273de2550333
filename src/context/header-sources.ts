/**
 * What the headers of subgraph requests are made of: those of the client's headers that a rule names, claims, and facts
 * of the request. In: rules; then who asks. Out: one record a request, which is part of every key by which requests
 * share an answer. Clock: per process (compile), per request (read). It must never let a header of one connection pass.
 */
import type { ContextValue, RequestHeaderRule } from '../config/headers';
import { splitPatterns } from '../config/headers';
import { ClientError } from '../errors';
import { claimAt } from './claims';
import type { Identity } from './request-context';
import { subgraphIdentityHeader } from './subgraph-identity';

/** Client headers by lower case name; claims and facts by names that no header has: see `claimSource`. */
export type HeaderSources = Readonly<Record<string, string>>;

export interface SourceSubject {
  readonly id: string;
  readonly identity: Identity;
  readonly clientAddress?: string | undefined;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

/** Throws BAD_REQUEST for a claim that no header can hold. */
export type ReadHeaderSources = (subject: SourceSubject) => HeaderSources;

/** A header name has no colon. */
export const claimSource = (claim: string) => `:claim.${claim}`;
export const contextSource = (name: ContextValue) => `:context.${name}`;
/** Whether a name in `HeaderSources` is that of a header. */
export const isHeaderSource = (name: string) => name.charCodeAt(0) !== 58;

/**
 * Headers that belong to one connection or to our own request (RFC 9110, section 7.6.1), and what only the gateway may
 * say: they never pass to a subgraph.
 */
const neverPassing: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-encoding',
  'content-type',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function mayPass(name: string): boolean {
  return !neverPassing.has(name) && !name.startsWith('sec-websocket-');
}

/** `credentialHeaders`: lower case names that a pattern never matches; a rule must name them in full. */
export function compileHeaderSources(
  rules: readonly RequestHeaderRule[],
  credentialHeaders: readonly string[],
): ReadHeaderSources {
  const readClient = compileClientHeaders(rules, credentialHeaders);
  const readFacts = rules.flatMap((rule) => {
    if (rule.kind !== 'set' || rule.from.kind === 'value') return [];
    return [rule.from.kind === 'claim' ? factOfClaim(rule.from.claim) : factOfContext(rule.from.name)];
  });
  return (subject) => {
    // A client may call a header `__proto__`.
    const sources = Object.create(null) as Record<string, string>;
    readClient?.(subject.rawHeaders, sources);
    for (const read of readFacts) read(subject, sources);
    return sources;
  };
}

type ReadFact = (subject: SourceSubject, sources: Record<string, string>) => void;

function compileClientHeaders(rules: readonly RequestHeaderRule[], credentialHeaders: readonly string[]) {
  const named = rules.flatMap((rule) => (rule.kind === 'propagate' ? rule.names : []));
  const { exact, prefixes } = splitPatterns(named);
  if (named.length === 0) return undefined;
  const names = new Set(exact);
  const lengths = new Set(exact.map((name) => name.length)).add('connection'.length);
  const reserved = new Set(['authorization', 'cookie', subgraphIdentityHeader, 'x-request-id', ...credentialHeaders]);
  const isWanted = (name: string) =>
    names.has(name) || (prefixes.some((prefix) => name.startsWith(prefix)) && !reserved.has(name) && mayPass(name));
  return (rawHeaders: readonly string[], sources: Record<string, string>): void => {
    let nominated = '';
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const given = rawHeaders[index] ?? '';
      // Most names are as long as none that is wanted.
      if (prefixes.length === 0 && !lengths.has(given.length)) continue;
      const name = given.toLowerCase();
      const value = rawHeaders[index + 1] ?? '';
      if (name === 'connection') nominated += `,${value}`;
      else if (isWanted(name)) append(sources, name, value);
    }
    // What `Connection` names is for this connection alone (RFC 9110, section 7.6.1).
    if (nominated === '') return;
    for (const name of nominated.split(',')) delete sources[name.trim().toLowerCase()];
  };
}

/** RFC 9110, section 5.3; cookies are joined in their own way (RFC 6265, section 5.4). */
function append(sources: Record<string, string>, name: string, value: string): void {
  const before = sources[name];
  sources[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
}

function factOfClaim(claim: string): ReadFact {
  const key = claimSource(claim);
  return ({ identity }, sources) => {
    if (identity.kind === 'anonymous') return;
    const value = textOf(claimAt(identity.claims, claim), `The claim "${claim}"`);
    if (value !== undefined) sources[key] = value;
  };
}

function factOfContext(name: ContextValue): ReadFact {
  const key = contextSource(name);
  return (subject, sources) => {
    const value = textOf(contextValue(name, subject), `"${name}"`);
    if (value !== undefined && value !== '') sources[key] = value;
  };
}

function contextValue(name: ContextValue, { id, identity, clientAddress }: SourceSubject): unknown {
  if (name === 'requestId') return id;
  if (name === 'clientAddress') return clientAddress;
  return identity.kind === 'anonymous' ? undefined : identity[name];
}

/** Text as it is, numbers and booleans as text, a list joined by commas; whatever else says nothing. */
function textOf(value: unknown, what: string): string | undefined {
  if (Array.isArray(value)) {
    const items = value.map((item) => textOf(item, what));
    if (items.some((item) => item?.includes(','))) throw unwritable(what);
    return items.every((item) => item !== undefined) ? items.join(',') : undefined;
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return undefined;
  if (/\p{Cc}/u.test(value)) throw unwritable(what);
  // Header fields are bytes: UTF-8, as the client's own come through.
  return /^[\x20-\x7e]*$/.test(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
}

function unwritable(what: string): ClientError {
  return new ClientError('BAD_REQUEST', `${what} cannot be written into a header.`);
}
