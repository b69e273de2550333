/**
 * What went wrong while the data was fetched, remembered where it happened: at an object (or list) of the gateway's
 * data and a key of it. Completion reports a failure when it meets the null that it left behind, so an error whose
 * field the client never asked for is not reported, and every error has the client's path.
 * Clock: per request.
 */

/** One failure as the client may read it. */
export interface Failure {
  readonly message: string;
  readonly extensions: Readonly<Record<string, unknown>>;
  /** Set for what explains a value that nobody answered, and no null that somebody did. */
  readonly isOfUnanswered?: true;
}

/** Names are travelling names, numbers are list indexes. */
export type DataPath = readonly (string | number)[];

/** A failure below some container: `path` leads from the container to where it happened. */
export interface PlacedFailure {
  readonly failure: Failure;
  readonly path: DataPath;
  /** Set where something is missing because of what happened elsewhere: told only if that is not. */
  readonly isConsequence?: true;
}

/** The response names and selections of a fetch, for telling which values are missing when it fails. */
export interface ExpectedField {
  readonly name: string;
  readonly selection: readonly ExpectedField[] | undefined;
}

export class Failures {
  private readonly byContainer = new Map<object, Map<string | number, PlacedFailure[]>>();
  /** What happened below a value that was null because of it, until another subgraph answered with parts of it. */
  private readonly filled = new Map<object, PlacedFailure[]>();
  /** Objects of which a subgraph answered nothing, because a field that may not be null in their type failed. */
  readonly emptied = new Set<object>();
  /** Failures that left no null behind, by the object they happened below. */
  readonly notes = new Map<object, PlacedFailure[]>();
  /** Failures that say nothing of where they happened and left no null behind. */
  readonly unplaced: Failure[] = [];

  get isEmpty(): boolean {
    return this.byContainer.size === 0 && this.notes.size === 0 && this.unplaced.length === 0;
  }

  /** `key` of `container` is null because of `failure`, which happened at `path` from the container. */
  place(container: object, key: string | number, failure: Failure, path: DataPath, isConsequence?: true): void {
    let keys = this.byContainer.get(container);
    if (!keys) {
      keys = new Map();
      this.byContainer.set(container, keys);
    }
    const placed = keys.get(key);
    const one = isConsequence ? { failure, path, isConsequence } : { failure, path };
    if (placed) placed.push(one);
    else keys.set(key, [one]);
  }

  find(container: object, key: string | number): readonly PlacedFailure[] | undefined {
    return this.byContainer.get(container)?.get(key);
  }

  /** Why `key` of `container` has this value, null or undefined; undefined when no failure is the reason. */
  explain(container: object, key: string | number, value: unknown): readonly PlacedFailure[] | undefined {
    const placed = this.find(container, key);
    const strong = placed?.filter(({ failure }) => !failure.isOfUnanswered);
    if (!strong || strong.length > 0) return strong;
    return value === undefined ? placed : undefined;
  }

  /** `value` was null because of a failure, and has been answered since: what is missing of it is so because of that. */
  moveBelow(container: object, key: string | number, value: object): void {
    const placed = this.find(container, key);
    if (!placed) return;
    this.byContainer.get(container)?.delete(key);
    for (const { failure, path } of placed) {
      if (path[0] !== key) this.addCause(value, { failure, path: [], isConsequence: true });
      else if (path.length > 1) {
        this.addCause(value, { failure, path: path.slice(1) });
        this.placeAtNull(value, path.slice(1), failure);
      }
    }
  }

  /** Why something may be missing of an object or a list, and of what is below it, though nobody said so. */
  causesIn(container: object): readonly PlacedFailure[] {
    return this.filled.get(container) ?? [];
  }

  /**
   * A whole selection could not be fetched: each of its fields that has no value failed, by itself or because of what
   * happened elsewhere: at a path below the container, or nearer to the root. False when every field has a value.
   */
  placeAtMissing(
    container: Record<string, unknown>,
    fields: readonly ExpectedField[],
    failure: Failure,
    origin?: DataPath | 'elsewhere',
  ): boolean {
    const isElsewhere = origin === 'elsewhere';
    let placed = false;
    for (const { name, selection } of fields) {
      const value = Object.hasOwn(container, name) ? container[name] : undefined;
      if (value === undefined || value === null) {
        const known = this.find(container, name);
        if (!known?.some((other) => !other.failure.isOfUnanswered)) {
          this.place(container, name, failure, isElsewhere ? [name] : (origin ?? [name]), isElsewhere || undefined);
        }
        placed = true;
      } else if (selection) {
        placed = this.placeAtMissingBelow(value, selection, failure, origin && 'elsewhere') || placed;
      }
    }
    return placed;
  }

  private placeAtMissingBelow(
    value: unknown,
    fields: readonly ExpectedField[],
    failure: Failure,
    origin: 'elsewhere' | undefined,
  ): boolean {
    if (typeof value !== 'object' || value === null) return false;
    if (!Array.isArray(value)) return this.placeAtMissing(value as Record<string, unknown>, fields, failure, origin);
    let placed = false;
    for (const item of value) placed = this.placeAtMissingBelow(item, fields, failure, origin) || placed;
    return placed;
  }

  /**
   * A subgraph's error at `path` below `root`: placed at the null that it left, or else noted at `root`. `answer`: what
   * the subgraph says of `root`, of which others may have answered more.
   */
  placeAtPath(root: Record<string, unknown>, path: DataPath, failure: Failure, answer?: object | null): void {
    if (answer) this.noteFilled(root, path, failure, answer);
    if (this.placeAtNull(root, path, failure)) return;
    const noted = this.notes.get(root);
    if (noted) noted.push({ failure, path });
    else this.notes.set(root, [{ failure, path }]);
  }

  /** Notes what others have answered where this answer is null because of the failure. */
  private noteFilled(root: object, path: DataPath, failure: Failure, answer: object): void {
    let [value, answered]: unknown[] = [root, answer];
    for (const [index, key] of path.entries()) {
      [value, answered] = [readAt(value, key), readAt(answered, key)];
      if (typeof value !== 'object' || value === null) return;
      if (answered !== null && answered !== undefined) continue;
      if (index + 1 < path.length) this.addCause(value, { failure, path: path.slice(index + 1) });
      return;
    }
  }

  private addCause(container: object, cause: PlacedFailure): void {
    const causes = this.filled.get(container);
    if (causes) causes.push(cause);
    else this.filled.set(container, [cause]);
  }

  private placeAtNull(root: object, path: DataPath, failure: Failure): boolean {
    let container = root;
    for (const [index, key] of path.entries()) {
      const value = readAt(container, key);
      if (value === null || value === undefined) {
        this.place(container, key, failure, path.slice(index));
        return true;
      }
      if (typeof value !== 'object') return false;
      container = value;
    }
    return false;
  }
}

function readAt(container: unknown, key: string | number): unknown {
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) return undefined;
  return (container as Record<string | number, unknown>)[key];
}
