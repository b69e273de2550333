/**
 * Keeps the planner from multiplying ways. At each place of an operation it follows every way through the subgraphs that
 * leads there, and each level of depth has so many times more. But from one vertex of its graph all ways go on alike:
 * where there are many, only the best one to each vertex is followed. In: functions of `@apollo/query-graphs`, by whose
 * names the planner calls them. Out: the same, wrapped. Clock: per document, on the planner thread.
 */
import type {
  advanceSimultaneousPathsWithOperation,
  createInitialOptions,
  SimultaneousPathsWithLazyIndirectPaths,
} from '@apollo/query-graphs';

export interface WayFunctions {
  /** Goes one field or fragment further; none are `undefined`, and `[]` when no object can be there. */
  advanceSimultaneousPathsWithOperation: typeof advanceSimultaneousPathsWithOperation;
  createInitialOptions: typeof createInitialOptions;
  readonly SimultaneousPathsWithLazyIndirectPaths: typeof SimultaneousPathsWithLazyIndirectPaths;
}

/** A way to a place: several paths where the objects of an abstract type are reached on their own. */
type Way = SimultaneousPathsWithLazyIndirectPaths;
type Paths = Way['paths'];
type Path = Paths[number];
type Operation = Parameters<typeof advanceSimultaneousPathsWithOperation>[2];

/** So many ways to one place are all followed: most operations have fewer everywhere, and their plans stay the best. */
const manyWays = 16;

/**
 * Paths of one way. Where a type's objects are asked one by one, each such level has a multiple of them: the operation is
 * better cut. The words are those of the planner when there are too many ways.
 */
const maxPathsOfWay = 600;

/** The ways to one place of one operation. */
class Place {
  private readonly ways: Way[] = [];
  private readonly next = new Map<Operation, Place>();
  private followed: ReadonlySet<Way> | undefined;

  add(way: Way): void {
    this.ways.push(way);
  }

  /** The place that `operation` leads to from here. */
  after(operation: Operation): Place {
    const place = this.next.get(operation) ?? new Place();
    this.next.set(operation, place);
    return place;
  }

  /** The ways to this place that change the subgraph less often. */
  nearerThan({ paths }: Way): readonly Way[] {
    const cost = costOf(paths);
    return this.ways.filter((other) => costOf(other.paths) < cost);
  }

  /** Whether a way is worth following. Asked once all ways to this place are known. */
  isFollowed(way: Way): boolean {
    if (this.ways.length <= manyWays) return true;
    this.followed ??= new Set(this.chooseWays());
    return this.followed.has(way);
  }

  private chooseWays(): readonly Way[] {
    const precise = bestOfEach(this.ways, (path) => `${path.tail.index} ${path.subgraphEnteringEdge?.edge.head.index}`);
    if (precise.length <= manyWays) return precise;
    const best = bestOfEach(precise, (path) => String(path.tail.index));
    // Ways of one path differ in where they are, and one of them may be the only one that goes on.
    const single = best.filter(({ paths }) => paths.length === 1);
    const others = best.filter(({ paths }) => paths.length > 1).sort(byCost);
    return [...single, ...others.slice(0, manyWays)];
  }
}

function bestOfEach(ways: readonly Way[], whereIs: (path: Path) => string): Way[] {
  const best = new Map<string, Way>();
  for (const way of ways) {
    const key = way.paths.map((path) => `${whereIs(path)} ${path.tailPossibleRuntimeTypes().join('|')}`).join();
    const known = best.get(key);
    if (!known || costOf(way.paths) < costOf(known.paths)) best.set(key, way);
  }
  return [...best.values()];
}

function byCost(a: Way, b: Way): number {
  return costOf(a.paths) - costOf(b.paths) || a.paths.length - b.paths.length;
}

/** Changes of subgraph. */
function costOf(paths: Paths): number {
  let jumps = 0;
  for (const path of paths) jumps += path.subgraphJumps();
  return jumps;
}

/** Puts functions in the place of those of `functions` that follow only the ways that are worth it. */
export function limitWays(functions: WayFunctions): void {
  const { advanceSimultaneousPathsWithOperation: advance, createInitialOptions: begin } = functions;
  const { SimultaneousPathsWithLazyIndirectPaths: SimultaneousPaths } = functions;
  const placeOf = new WeakMap<Way, Place>();
  const singles = new WeakMap<Way, readonly Way[]>();

  function wayOf(paths: Paths, from: Way, context = from.context): Way {
    return new SimultaneousPaths(
      paths,
      context,
      from.conditionResolver,
      from.excludedNonCollectingEdges,
      from.excludedConditionsOnNonCollectingEdges,
      from.overrideConditions,
    );
  }

  /** Each path of a way as a way of its own: they remember what was found out about them. */
  function singlesOf(way: Way): readonly Way[] {
    let found = singles.get(way);
    if (!found) {
      found = way.paths.map((path) => wayOf([path], way));
      singles.set(way, found);
    }
    return found;
  }

  /** Like `advance`, but of the many ways that its paths could go together only those that keep together. */
  const advanceTogether: typeof advance = (schema, way, operation, overrideConditions) => {
    if (way.paths.length < 2) return advance(schema, way, operation, overrideConditions);
    const ofEach: Way[][] = [];
    for (const single of singlesOf(way)) {
      const ways = advance(schema, single as typeof way, operation, overrideConditions);
      if (!ways) return undefined;
      if (ways.length > 0) ofEach.push(ways);
    }
    const context = ofEach[0]?.[0]?.context;
    return combine(ofEach).map((paths) => wayOf(paths, way, context) as typeof way);
  };

  function remember(ways: readonly Way[], place: Place): void {
    for (const way of ways) {
      if (way.paths.length > maxPathsOfWay) throw new Error('Too many options generated for one way');
      placeOf.set(way, place);
      place.add(way);
    }
  }

  functions.createInitialOptions = (...values) => {
    const ways = begin(...values);
    remember(ways, new Place());
    return ways;
  };

  functions.advanceSimultaneousPathsWithOperation = (schema, way, operation, overrideConditions) => {
    const place = placeOf.get(way);
    if (place && !place.isFollowed(way)) return undefined;
    const ways = advanceTogether(schema, way, operation, overrideConditions);
    const leadsOn = (other: Way) =>
      (advanceTogether(schema, other as typeof way, operation, overrideConditions)?.length ?? 0) > 0;
    // The planner takes one such way for proof that no object can be there, even where a nearer subgraph has some.
    if (ways?.length === 0 && place?.nearerThan(way).some(leadsOn)) return undefined;
    if (ways && place) remember(ways, place.after(operation));
    return ways;
  };
}

/** All combinations of one way of each list, or where these are many, for each subgraph the one that is there most. */
function combine(ofEach: readonly (readonly Way[])[]): Paths[] {
  if (ofEach.length === 0) return [];
  if (ofEach.reduce((count, ways) => count * ways.length, 1) <= manyWays) {
    return ofEach.reduce<Paths[]>(
      (combinations, ways) => ways.flatMap(({ paths }) => combinations.map((others) => [...others, ...paths])),
      [[]],
    );
  }
  const subgraphs = new Set(ofEach.flat().flatMap(({ paths }) => paths.map(({ tail }) => tail.source)));
  const costs = new Map(ofEach.flat().map((way) => [way, costOf(way.paths)]));
  const combinations = new Map<string, Paths>();
  for (const subgraph of [...subgraphs, undefined]) {
    const elsewhere = ({ paths }: Way) => paths.filter(({ tail }) => tail.source !== subgraph).length;
    const isBetter = (way: Way, best: Way) =>
      elsewhere(way) - elsewhere(best) || (costs.get(way) ?? 0) - (costs.get(best) ?? 0);
    const chosen = ofEach.map((ways) => ways.reduce((best, way) => (isBetter(way, best) < 0 ? way : best)));
    const key = chosen.map((way, index) => ofEach[index]?.indexOf(way)).join();
    combinations.set(
      key,
      chosen.flatMap(({ paths }) => paths),
    );
  }
  return [...combinations.values()];
}
