/**
 * Conformance fuzzer: is an answer the right one? In: the reference's answer and the gateway's. Out: nothing, or the
 * first difference. Data must be equal to the order of keys; of errors, the places count and not the messages.
 */

/** An error as far as it is compared. */
export interface AnswerError {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

export interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly AnswerError[] | undefined;
}

/** A right answer, with every path that could have told an error. */
export interface ExpectedAnswer extends Answer {
  readonly possiblePaths?: readonly (readonly (string | number)[])[];
}

/** What is wrong first, and a text that is equal for mismatches of one kind. */
export interface Difference {
  readonly kind: string;
  readonly fingerprint: string;
  readonly detail: string;
}

/** The code of a refusal to plan, if an answer is one: a defined error and no wrong answer. They are counted apart. */
export function refusalOf({ data, errors }: Answer): string | undefined {
  const code = errors?.[0]?.extensions?.code;
  return !data && typeof code === 'string' && code.startsWith('QUERY_PLAN_') ? code : undefined;
}

type Path = readonly (string | number)[];

/** Compares a gateway's answer with the reference's; `undefined` when it is right. */
export function compareAnswers(expected: ExpectedAnswer, got: Answer): Difference | undefined {
  const gotErrors = got.errors ?? [];
  if (expected.data === undefined) return compareRefusals(got);
  const wanted = plain(expected.data);
  const actual = plain(got.data);
  // As texts: that compares the order of keys as well.
  if (JSON.stringify(wanted) !== JSON.stringify(actual)) {
    const { kind, path } = firstDifference(wanted, actual, []) ?? { kind: 'data', path: [] };
    const message = gotErrors[0] ? generalise(gotErrors[0].message) : '';
    return {
      kind,
      fingerprint: [kind, message].filter((part) => part !== '').join(': '),
      detail: `${kind} at ${path.join('.') || '(root)'}${gotErrors[0] ? `; error: ${gotErrors[0].message}` : ''}`,
    };
  }
  return compareErrors(wanted, expected.errors ?? [], expected.possiblePaths ?? [], gotErrors);
}

/** The reference refused the request as a whole: so must the gateway. */
function compareRefusals(got: Answer): Difference | undefined {
  const refused = (got.data ?? null) === null && (got.errors ?? []).length > 0;
  return refused
    ? undefined
    : { kind: 'not refused', fingerprint: 'not refused', detail: 'an invalid request was answered' };
}

/** As a client would read it. */
function plain(data: unknown): unknown {
  return data === undefined ? undefined : (JSON.parse(JSON.stringify(data)) as unknown);
}

/** Names and numbers out of a message, so that equal defects have equal texts. */
export function generalise(message: string): string {
  return message
    .replace(/"(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`/g, '…')
    .replace(/\{.*\}/gs, '{…}')
    .replace(/\b\w+\.\w+\b/g, '….…')
    .replace(/\b[0-9a-f-]{36}\b|\d+/g, '#')
    .slice(0, 140);
}

function firstDifference(wanted: unknown, actual: unknown, path: Path): { kind: string; path: Path } | undefined {
  if (JSON.stringify(wanted) === JSON.stringify(actual)) return undefined;
  if (actual === undefined) return { kind: path.length === 0 ? 'no data' : 'field missing', path };
  if (actual === null) return { kind: 'null instead of a value', path };
  if (wanted === null) return { kind: 'a value instead of null', path };
  if (Array.isArray(wanted) && Array.isArray(actual)) {
    if (wanted.length !== actual.length) return { kind: 'list of another length', path };
    return firstOf(wanted.map((item, index) => firstDifference(item, actual[index], [...path, index])));
  }
  if (isRecord(wanted) && isRecord(actual)) {
    const wantedKeys = Object.keys(wanted);
    const actualKeys = Object.keys(actual);
    const missing = wantedKeys.find((key) => !actualKeys.includes(key));
    if (missing !== undefined) return { kind: 'field missing', path: [...path, missing] };
    const extra = actualKeys.find((key) => !wantedKeys.includes(key));
    if (extra !== undefined) return { kind: 'field not asked for', path: [...path, extra] };
    const inside = firstOf(wantedKeys.map((key) => firstDifference(wanted[key], actual[key], [...path, key])));
    return inside ?? { kind: 'order of fields', path };
  }
  return { kind: actual === 'POISON' ? 'poison' : 'another value', path };
}

function firstOf<T>(items: readonly (T | undefined)[]): T | undefined {
  return items.find((item) => item !== undefined);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Each null that an error made needs an error, at a path where the reference has one or could have told one: of
 * several below one null, which are told depends on timing. The same path twice is too many.
 */
function compareErrors(
  data: unknown,
  expected: readonly AnswerError[],
  possiblePaths: readonly Path[],
  got: readonly AnswerError[],
): Difference | undefined {
  const difference = (kind: string, error: AnswerError): Difference => ({
    kind,
    fingerprint: `${kind}: ${generalise(error.message)}`,
    detail: `${kind}: ${error.message} at ${error.path?.join('.') ?? '(no path)'}`,
  });
  const possible = new Set(
    [...expected.map(({ path }) => path ?? []), ...possiblePaths].map((path) => JSON.stringify(path)),
  );
  const seen = new Set<string>();
  const places = new Set<string>();
  for (const error of got) {
    if (expected.length === 0) return difference('unexpected error', error);
    const text = JSON.stringify(error.path ?? []);
    if (!error.path) return difference('error without path', error);
    if (seen.has(text)) return difference('error told twice', error);
    seen.add(text);
    if (!possible.has(text)) return difference('error at another path', error);
    places.add(JSON.stringify(nullPlace(data, error.path)));
  }
  const untold = expected.find(({ path }) => !places.has(JSON.stringify(nullPlace(data, path ?? []))));
  return untold && difference('error not told', untold);
}

/** The longest part of an error's path that is in the answer: where its null is. */
function nullPlace(data: unknown, path: Path): Path {
  let value = data;
  for (const [depth, step] of path.entries()) {
    if (value === null || value === undefined) return path.slice(0, depth);
    value = (value as Record<string | number, unknown>)[step];
  }
  return path;
}
