/**
 * The configuration as it counts: each key with its value and where that came from, secrets hidden.
 * The floor. Clock: when it is asked for.
 */
import { formatPath, type Origin, type Path } from './yaml-file';

/** One key and what it is set to. */
export interface Setting {
  /** `server.port`, `authentication.issuers[0].issuer`. */
  readonly path: string;
  /** What was written or is the default; `(hidden)` for a secret. */
  readonly value: unknown;
  /** `default`, `gateway.yaml:3`, `environment variable PORT`, `option --port`. */
  readonly source: string;
}

/** The part of JSON Schema that is read here. */
interface Shape {
  readonly default?: unknown;
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
}

const hiddenText = '(hidden)';

/** Every key that has a value, in the order of the schema. `value` was checked against it. */
export function effectiveSettings(shape: object, value: unknown, origin: Origin): readonly Setting[] {
  return [...walk(shape as Shape, value, [], origin)];
}

function* walk(shape: Shape, given: unknown, path: Path, origin: Origin): Generator<Setting> {
  const { properties, additionalProperties: more, items } = shape;
  if (shape.writeOnly) {
    if (given !== undefined) yield { path: formatPath(path), value: hiddenText, source: sourceOf(path, origin) };
    return;
  }
  const isList = Array.isArray(given);
  const isMap = typeof given === 'object' && given !== null && !isList;
  if (properties && (isMap || shape.default !== undefined)) {
    for (const [key, child] of Object.entries(properties)) {
      yield* walk(child, isMap ? (given as Record<string, unknown>)[key] : undefined, [...path, key], origin);
    }
    return;
  }
  if (typeof more === 'object' && isMap && Object.keys(given).length > 0) {
    for (const [key, child] of Object.entries(given)) yield* walk(more, child, [...path, key], origin);
    return;
  }
  if (items?.properties && isList && given.length > 0) {
    for (const [index, child] of given.entries()) yield* walk(items, child, [...path, index], origin);
    return;
  }
  const effective = given ?? shape.default;
  if (effective === undefined) return;
  yield {
    path: formatPath(path),
    value: withoutUserInfo(effective),
    source: given === undefined ? 'default' : sourceOf(path, origin),
  };
}

function sourceOf(path: Path, origin: Origin): string {
  const { file, line } = origin.locate(path, 'value');
  return line === undefined ? file : `${file}:${line}`;
}

/** `redis://user:password@host` tells no password. */
function withoutUserInfo(value: unknown): unknown {
  if (typeof value !== 'string' || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.password === '' && url.username === '') return value;
  url.username = '';
  url.password = '';
  return url.href.replace('//', `//${hiddenText}@`);
}
