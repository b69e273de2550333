/**
 * An answer in parts: which fetches its beginning waits for, and which each deferred fragment does. Nothing is planned
 * otherwise than for an answer in one piece: what needs no fetch of its own is not deferred.
 * In: the operation and its fetches. Out: the parts, each as soon as it is there. Clock: per document (divide), per
 * request (run).
 */
import { type GraphQLCompositeType, isAbstractType, Kind } from 'graphql';
import type { Operation } from '../operation/document';
import { type Completed, type CompletionInput, complete, type DeferredObject } from './complete';
import type { DataPath } from './failures';
import type { PlannedFetch } from './fetch-list';
import type { SerialStep } from './plan-steps';
import { SelectionShape, type ShapeOptions } from './response-shape';
import type { DeferredFragment, TypedSelectionSet } from './selections';

type Fragment = DeferredFragment['node'];

/** Fetches by their indexes in the plan. */
export interface Deferral {
  readonly initial: readonly number[];
  readonly later: ReadonlyMap<Fragment, readonly number[]>;
}

/** The shape of the beginning, and what waits for what; undefined when nothing would come later than the rest. */
export function divideAnswer(
  { node: { selectionSet: set } }: Operation,
  type: GraphQLCompositeType,
  [step]: readonly SerialStep[],
  { reader, names }: ShapeOptions,
): { readonly shape: SelectionShape; readonly deferral: Deferral } | undefined {
  const fetches = step?.plan.fetches ?? [];
  const deferring = { reader: reader.deferring(), names };
  const paths = new PathReader(deferring);
  const initial = fetchesOf(fetches, paths.read({ set, type }, [], new Set()));
  const later = new Map<Fragment, readonly number[]>();
  for (const [fragment, own] of paths.deferred) later.set(fragment, fetchesOf(fetches, own));
  const isLater = (index: number) => !initial.includes(index);
  if (![...later.values()].some((own) => own.some(isLater))) return undefined;
  return { shape: new SelectionShape(type, [{ set, type }], deferring), deferral: { initial, later } };
}

/** Those that bring what is at these paths, and those before them. */
function fetchesOf(fetches: readonly PlannedFetch[], paths: ReadonlySet<string>): number[] {
  const needed = new Set<PlannedFetch>();
  const need = (fetch: PlannedFetch): void => {
    if (needed.has(fetch)) return;
    needed.add(fetch);
    fetch.after.forEach(need);
  };
  for (const fetch of fetches) if ([...fetch.writes].some((path) => paths.has(path))) need(fetch);
  return fetches.flatMap((fetch, index) => (needed.has(fetch) ? [index] : []));
}

/** Where what is selected stands in the gateway's data, as fetches tell where they write: `users.name`. */
class PathReader {
  readonly deferred = new Map<Fragment, Set<string>>();

  constructor(private readonly selected: ShapeOptions) {}

  read({ set, type }: TypedSelectionSet, path: readonly string[], into: Set<string>): ReadonlySet<string> {
    const { reader, names } = this.selected;
    for (const selection of set.selections) {
      if (!reader.isIncluded(selection)) continue;
      if (selection.kind !== Kind.FIELD) {
        const isLater = reader.isDeferred(selection);
        this.read(reader.resolveFragment(selection, type), path, isLater ? this.pathsOf(selection) : into);
      } else if (!selection.name.value.startsWith('__')) {
        const here = [...path, names.nameOf(selection, type)];
        into.add(here.join('.'));
        const below = reader.fieldSet(selection, type);
        if (!below) continue;
        // What an object answers depends on its type.
        if (isAbstractType(below.type)) into.add([...here, '__typename'].join('.'));
        this.read(below, here, into);
      }
    }
    return into;
  }

  private pathsOf(fragment: Fragment): Set<string> {
    const paths = this.deferred.get(fragment) ?? new Set();
    this.deferred.set(fragment, paths);
    return paths;
  }
}

/** What comes later of one object. */
export interface LaterPart {
  readonly path: DataPath;
  readonly label: string | undefined;
  readonly completed: Completed;
}

/** Some parts that are there, and whether there will be more. */
export interface LaterParts {
  readonly parts: readonly LaterPart[];
  readonly hasNext: boolean;
}

/** The parts of one answer. `done`: of each fetch, when it is. Rejects only for defects of the gateway. */
export class AnswerParts {
  /** When every fetch is done, whether somebody waits for it or not. */
  readonly whenDone: Promise<unknown>;
  private readonly whenInitial: Promise<unknown>;
  private readonly whenLater = new Map<Fragment, Promise<unknown>>();
  private readonly ready = new Set<Fragment>();
  private waiting: DeferredObject[] = [];

  constructor(
    done: readonly Promise<void>[],
    { initial, later }: Deferral,
    private readonly input: Omit<CompletionInput, 'later' | 'path'>,
  ) {
    const all = (indexes: readonly number[]) => Promise.all(indexes.map((index) => done[index]));
    this.whenDone = Promise.allSettled(done);
    this.whenInitial = all(initial);
    for (const [fragment, indexes] of later) {
      const whenThere = all(indexes).then(() => this.ready.add(fragment));
      // Nobody may wait for it: what it is part of may be null, or the client gone.
      whenThere.catch(() => {});
      this.whenLater.set(fragment, whenThere);
    }
  }

  async begin(): Promise<Completed> {
    await this.whenInitial;
    return this.complete(this.input);
  }

  /** Whether more comes than what has been told. */
  get hasNext(): boolean {
    return this.waiting.length > 0;
  }

  /** What comes next. Nothing may be asked at the same time, or when there is nothing more. */
  async next(): Promise<LaterParts> {
    await Promise.race(this.waiting.map(({ deferred }) => this.whenLater.get(deferred.node)));
    const parts: LaterPart[] = [];
    // Below what is told there may be more that is there already.
    for (let ready = this.takeReady(); ready.length > 0; ready = this.takeReady()) {
      for (const { deferred, source, path, travelled } of ready) {
        const { label, selection: shape } = deferred;
        parts.push({ path, label, completed: this.complete({ ...this.input, shape, data: source, path, travelled }) });
      }
    }
    return { parts, hasNext: this.hasNext };
  }

  private takeReady(): readonly DeferredObject[] {
    const isReady = ({ deferred }: DeferredObject) => this.ready.has(deferred.node);
    const ready = this.waiting.filter(isReady);
    if (ready.length > 0) this.waiting = this.waiting.filter((object) => !isReady(object));
    return ready;
  }

  private complete(input: CompletionInput): Completed {
    const completed = complete({ ...input, later: this.waiting });
    // What says nothing of where it happened is told once.
    input.failures.unplaced.length = 0;
    return completed;
  }
}
