/**
 * The text of one subgraph answer becomes a `SubgraphResponse`, or a refusal. GraphQL specification, section 7.1.
 * Clock: per request. Only own properties are read. Never lets anything of the text into a message of ours.
 *
 * Guaranteed: `data` is fresh from `JSON.parse`, so that a key `__proto__` in it is an own property like any other and
 * no prototype was touched. It is still there: whoever copies keys must define them, never assign by a foreign name.
 */
import type { SubgraphGraphQLError, SubgraphResponse } from '../query-plan/subgraph-call';
import { httpError, malformedError } from './http';

export interface ResponseRules {
  /** Names in `errors[].extensions` that may pass. A `code` passes if it is a string, whatever else is listed. */
  readonly errorExtensions: readonly string[];
  /** Names in the response's own `extensions` that may pass. */
  readonly extensions: readonly string[];
}

/** Further errors of one answer are dropped: the first ones tell the cause, thousands only fill the client's answer. */
const maxErrors = 100;
const maxMessageLength = 2_000;
const maxPathLength = 500;

type Json = Readonly<Record<string, unknown>>;

/**
 * Parses and checks an answer; the result belongs to the caller alone.
 * `{"data":{"me":null},"errors":[{"message":"No","path":["me"]}]}` passes as it is. An `errors` entry of the wrong shape
 * is repaired or loses the wrong part; anything else that is wrong refuses the answer.
 * @throws {SubgraphError} SUBREQUEST_MALFORMED_RESPONSE; SUBREQUEST_HTTP_ERROR when `status` is one of failure and
 *   the text is not a GraphQL response with errors.
 */
export function readResponse(subgraph: string, status: number, text: string, rules: ResponseRules): SubgraphResponse {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw status >= 300 ? httpError(subgraph, status) : malformedError(subgraph, status, 'NOT_JSON');
  }
  // In JSON without backslashes every string is written as it is; no lone surrogate comes out of UTF-8.
  return readAnswer({ subgraph, status, isPlain: !text.includes('\\') }, answer, rules);
}

/** What is known of an answer beside itself: see `readResponse`. */
interface AnswerFacts {
  readonly subgraph: string;
  readonly status: number;
  readonly isPlain: boolean;
}

/** The same for an answer that is parsed already. */
export function readAnswer(
  { subgraph, status, isPlain }: AnswerFacts,
  answer: unknown,
  rules: ResponseRules,
): SubgraphResponse {
  const failed = status >= 300;
  const refuse = (problem: string) =>
    failed ? httpError(subgraph, status) : malformedError(subgraph, status, problem);
  if (!isObject(answer)) throw refuse('NOT_AN_OBJECT');
  const data = own(answer, 'data');
  const errors = own(answer, 'errors');
  const problem = findProblem(data, errors, failed);
  if (problem !== undefined) throw refuse(problem);
  const extensions = pick(own(answer, 'extensions'), rules.extensions);
  const hasErrors = Array.isArray(errors) && errors.length > 0;
  if (!hasErrors && extensions === undefined) return { data: data as SubgraphResponse['data'], isPlain };
  return {
    data: data as SubgraphResponse['data'],
    isPlain,
    ...(hasErrors ? { errors: readErrors(errors, rules) } : {}),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

function findProblem(data: unknown, errors: unknown, failed: boolean): string | undefined {
  if (data !== undefined && data !== null && !isObject(data)) return 'DATA_TYPE';
  // `errors: null` is against the specification, but common and harmless.
  if (errors !== undefined && errors !== null && !Array.isArray(errors)) return 'ERRORS_TYPE';
  const hasErrors = Array.isArray(errors) && errors.length > 0;
  if (failed && !hasErrors) return 'NO_ERRORS';
  // Without data there must be an error, or a null would stand in the answer with nobody telling why.
  if (!hasErrors && (data === undefined || data === null)) return 'NEITHER_DATA_NOR_ERRORS';
  return undefined;
}

/** What may pass of the errors of a subgraph; at least one. */
export function readErrors(errors: unknown, rules: ResponseRules): SubgraphGraphQLError[] {
  const list: readonly unknown[] = Array.isArray(errors) && errors.length > 0 ? errors : [undefined];
  return list.slice(0, maxErrors).map((error) => readError(error, rules));
}

function readError(error: unknown, rules: ResponseRules): SubgraphGraphQLError {
  if (!isObject(error)) return { message: 'The subgraph reported an error without a message.' };
  const message = own(error, 'message');
  const path = readPath(own(error, 'path'));
  const extensions = readErrorExtensions(own(error, 'extensions'), rules);
  return {
    message: typeof message === 'string' ? shorten(message) : 'The subgraph reported an error without a message.',
    ...(path === undefined ? {} : { path }),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

function readPath(path: unknown): (string | number)[] | undefined {
  if (!Array.isArray(path) || path.length > maxPathLength) return undefined;
  const isSegment = (segment: unknown): segment is string | number =>
    typeof segment === 'string' || (typeof segment === 'number' && Number.isSafeInteger(segment) && segment >= 0);
  return path.every(isSegment) ? path : undefined;
}

function readErrorExtensions(extensions: unknown, rules: ResponseRules): Json | undefined {
  const picked = pick(
    extensions,
    rules.errorExtensions.filter((name) => name !== 'code'),
  );
  const code = isObject(extensions) ? own(extensions, 'code') : undefined;
  if (typeof code !== 'string') return picked;
  return { ...picked, code: shorten(code) };
}

/** The listed own properties, undefined when there is none. */
function pick(from: unknown, names: readonly string[]): Json | undefined {
  if (!isObject(from) || names.length === 0) return undefined;
  const entries = names.filter((name) => Object.hasOwn(from, name)).map((name) => [name, from[name]] as const);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function shorten(text: string): string {
  if (text.length <= maxMessageLength) return text;
  const cut = text.slice(0, maxMessageLength);
  // Not through the middle of a surrogate pair.
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}...`;
}

function own(object: Json, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
