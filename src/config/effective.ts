/**
 * The configuration as it counts: each key with its value and where that came from; what changed, and what of that can
 * change while the gateway runs. The floor. Clock: when it is asked for, and at each reload.
 */
import { formatPath, type Origin, type Path } from './yaml-file';

/** One key and what it is set to. */
export interface Setting {
  /** `server.port`, `authentication.issuers[0].issuer`. */
  readonly path: string;
  /** What was written, or is the default. */
  readonly value: unknown;
  /** `default`, `gateway.yaml:3`, `environment variable PORT`, `option --port`. */
  readonly source: string;
  /** Never to be shown: see `shownValue`. */
  readonly isSecret: boolean;
  /** Whether it can change while the gateway runs. */
  readonly isReloadable: boolean;
}

/** The part of JSON Schema that is read here. */
interface Shape {
  readonly default?: unknown;
  readonly writeOnly?: boolean;
  readonly reloadable?: boolean;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
}

/** Every key that has a value, in the order of the schema. `value` was checked against it. */
export function effectiveSettings(shape: object, value: unknown, origin: Origin): readonly Setting[] {
  return [...walk(shape as Shape, value, { path: [], origin, isReloadable: false })];
}

interface Place {
  readonly path: Path;
  readonly origin: Origin;
  readonly isReloadable: boolean;
}

function* walk(shape: Shape, given: unknown, around: Place): Generator<Setting> {
  const { properties, additionalProperties: more, items, writeOnly: isSecret = false } = shape;
  const { path, origin } = around;
  const place = { ...around, isReloadable: shape.reloadable ?? around.isReloadable };
  const isList = Array.isArray(given);
  const isMap = typeof given === 'object' && given !== null && !isList;
  const below = (step: string | number): Place => ({ ...place, path: [...path, step] });
  if (properties && (isMap || shape.default !== undefined)) {
    for (const [key, child] of Object.entries(properties))
      yield* walk(child, isMap ? (given as Record<string, unknown>)[key] : undefined, below(key));
  } else if (typeof more === 'object' && isMap && Object.keys(given).length > 0 && !isSecret) {
    for (const [key, child] of Object.entries(given)) yield* walk(more, child, below(key));
  } else if (items?.properties && isList && given.length > 0) {
    for (const [index, child] of given.entries()) yield* walk(items, child, below(index));
  } else if (given !== undefined || shape.default !== undefined) {
    const source = given === undefined ? 'default' : sourceOf(path, origin);
    const { isReloadable } = place;
    yield { path: formatPath(path), value: given ?? shape.default, source, isSecret, isReloadable };
  }
}

function sourceOf(path: Path, origin: Origin): string {
  const { file, line } = origin.locate(path, 'value');
  return line === undefined ? file : `${file}:${line}`;
}

const hiddenText = '(hidden)';
/** Also where several hosts follow, which no `URL` is. */
const credentialsOfUrl = /^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i;

/** The value as it may be shown: no secret, and no password of a URL (`redis://user:password@host`). */
export function shownValue({ value, isSecret }: Setting): unknown {
  if (isSecret) return hiddenText;
  return typeof value === 'string' ? value.replace(credentialsOfUrl, `$1${hiddenText}@`) : value;
}

export interface SettingsChange {
  /** Paths of what is otherwise, and can be while the gateway runs. */
  readonly reloadable: readonly string[];
  /** And of what cannot. */
  readonly needRestart: readonly string[];
  /** What counts from now on, when the first are taken over and the second are not. */
  readonly settings: readonly Setting[];
}

/** What differs between two readings of a configuration. */
export function compareSettings(before: readonly Setting[], after: readonly Setting[]): SettingsChange {
  const old = new Map(before.map((setting) => [setting.path, setting]));
  const next = new Map(after.map((setting) => [setting.path, setting]));
  const differs = ({ path }: Setting) => JSON.stringify(old.get(path)?.value) !== JSON.stringify(next.get(path)?.value);
  const changed = [...after, ...before.filter(({ path }) => !next.has(path))].filter(differs);
  const kept = before.filter((setting) => !setting.isReloadable);
  return {
    reloadable: changed.flatMap(({ path, isReloadable }) => (isReloadable ? path : [])),
    needRestart: changed.flatMap(({ path, isReloadable }) => (isReloadable ? [] : path)),
    settings: [...kept, ...after.filter(({ isReloadable }) => isReloadable)],
  };
}
