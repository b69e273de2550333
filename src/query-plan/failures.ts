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
}

/** The response names and selections of a fetch, for telling which values are missing when it fails. */
export interface ExpectedField {
  readonly name: string;
  readonly selection: readonly ExpectedField[] | undefined;
}

export class Failures {
  private readonly byContainer = new Map<object, Map<string | number, PlacedFailure[]>>();
  /** Failures that left no null behind, by the object they happened below. */
  readonly notes = new Map<object, PlacedFailure[]>();
  /** Failures that say nothing of where they happened and left no null behind. */
  readonly unplaced: Failure[] = [];

  get isEmpty(): boolean {
    return this.byContainer.size === 0 && this.notes.size === 0 && this.unplaced.length === 0;
  }

  /** `key` of `container` is null because of `failure`, which happened at `path` from the container. */
  place(container: object, key: string | number, failure: Failure, path: DataPath): void {
    let keys = this.byContainer.get(container);
    if (!keys) {
      keys = new Map();
      this.byContainer.set(container, keys);
    }
    const placed = keys.get(key);
    if (placed) placed.push({ failure, path });
    else keys.set(key, [{ failure, path }]);
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

  /**
   * A whole selection could not be fetched: each of its fields that has no value failed, by itself or (`path`) because
   * of what happened elsewhere below the container. False when every field has a value.
   */
  placeAtMissing(
    container: Record<string, unknown>,
    fields: readonly ExpectedField[],
    failure: Failure,
    path?: DataPath,
  ): boolean {
    let placed = false;
    for (const { name, selection } of fields) {
      const value = Object.hasOwn(container, name) ? container[name] : undefined;
      if (value === undefined || value === null) {
        const known = this.find(container, name);
        if (!known?.some((other) => !other.failure.isOfUnanswered)) {
          this.place(container, name, failure, path ?? [name]);
        }
        placed = true;
      } else if (selection) {
        placed = this.placeAtMissingBelow(value, selection, failure) || placed;
      }
    }
    return placed;
  }

  private placeAtMissingBelow(value: unknown, fields: readonly ExpectedField[], failure: Failure): boolean {
    if (typeof value !== 'object' || value === null) return false;
    if (!Array.isArray(value)) return this.placeAtMissing(value as Record<string, unknown>, fields, failure);
    let placed = false;
    for (const item of value) placed = this.placeAtMissingBelow(item, fields, failure) || placed;
    return placed;
  }

  /** A subgraph's error at `path` below `root`: placed at the null that it left, or else noted at `root`. */
  placeAtPath(root: Record<string, unknown>, path: DataPath, failure: Failure): void {
    let container: object = root;
    for (const [index, key] of path.entries()) {
      const value: unknown = Object.hasOwn(container, key)
        ? (container as Record<string | number, unknown>)[key]
        : undefined;
      if (value === null || value === undefined) {
        this.place(container, key, failure, path.slice(index));
        return;
      }
      if (typeof value !== 'object') break;
      container = value;
    }
    const noted = this.notes.get(root);
    if (noted) noted.push({ failure, path });
    else this.notes.set(root, [{ failure, path }]);
  }
}
