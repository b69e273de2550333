/**
 * What one request did at subgraphs, where somebody wants to know: an author who asks for an explanation, or an operator
 * for whom it was too slow. The floor. Clock: per request; where there is no trail, nothing is noted.
 * It holds no variable, no header and no value of an answer.
 */

/** One call of a subgraph. */
export interface FetchRecord {
  readonly subgraph: string;
  readonly kind: 'query' | 'mutation';
  /** Milliseconds since the request began. */
  readonly startMs: number;
  readonly durationMs: number;
  /** `ok`, or an error code. */
  readonly outcome: string;
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined;
  /** Of the answer. */
  readonly bytes: number | undefined;
  /** Host and port of the instance that was asked last. */
  readonly instance: string | undefined;
  /** How often it was asked again, after a failure or beside a slow instance. */
  readonly retries: number;
  /** Another request's call answered it, which was under way. */
  readonly isShared: boolean;
  /** Representations that were sent. */
  readonly entities: number | undefined;
}

/** A null without an error: the subgraph does not know the entity of which the value was asked. */
export interface UnknownEntity {
  /** In the client's names. */
  readonly path: readonly (string | number)[];
  readonly subgraph: string;
}

/** How long an answer may be kept, and for whom. */
export interface CachingNote {
  readonly maxAgeMs: number;
  readonly scope: 'public' | 'private';
}

const maxUnknown = 100;

export class Trail {
  readonly fetches: FetchRecord[] = [];
  /** The first hundred. */
  readonly unknownEntities: UnknownEntity[] = [];
  /** Undefined: the answer is nobody's to keep. */
  caching: CachingNote | undefined;
  /** By the object of the data that stands for the entity: who does not know it, and which values it was asked for. */
  private readonly unknown = new Map<object, { readonly subgraph: string; readonly names: ReadonlySet<string> }[]>();
  /** Entities that the answer needed, by subgraph: more than were asked for, when some stand for several places. */
  readonly wanted = new Map<string, number>();
  private readonly startedAt: number;

  constructor(
    /** Whether its request asked for an explanation, and may. */
    readonly isExplained: boolean,
    /** From when on it is slow; absent: never. */
    readonly slowMs?: number | undefined,
    private readonly elapsed: () => number = () => performance.now(),
  ) {
    this.startedAt = elapsed();
  }

  /** Milliseconds since the request began. */
  get ageMs(): number {
    return this.elapsed() - this.startedAt;
  }

  wants(subgraph: string, entities: number): void {
    this.wanted.set(subgraph, (this.wanted.get(subgraph) ?? 0) + entities);
  }

  /** `subgraph` does not know the entity that `target` stands for, of which it was asked for these values. */
  doesNotKnow(subgraph: string, target: object, names: readonly string[]): void {
    if (!this.isExplained) return;
    const absent = this.unknown.get(target) ?? [];
    absent.push({ subgraph, names: new Set(names) });
    this.unknown.set(target, absent);
  }

  /** A value of the answer is null, and no error says why. */
  metNull(container: object, key: string | number, path: readonly (string | number)[]): void {
    if (this.unknown.size === 0 || this.unknownEntities.length >= maxUnknown) return;
    const absent = this.unknown.get(container)?.find(({ names }) => names.has(String(key)));
    if (absent) this.unknownEntities.push({ path: [...path], subgraph: absent.subgraph });
  }

  /** By subgraph: how many entities were asked for, and how many more places were answered by the same. */
  get entities(): Readonly<Record<string, { readonly asked: number; readonly reused: number }>> {
    const counts = [...this.wanted].map(([subgraph, wanted]) => {
      const asked = this.fetches.reduce(
        (sum, call) => sum + (call.subgraph === subgraph ? (call.entities ?? 0) : 0),
        0,
      );
      return [subgraph, { asked, reused: Math.max(0, wanted - asked) }] as const;
    });
    return Object.fromEntries(counts);
  }
}

/** One line for each call, for the log: `users ok 12 ms, 3 entities, 2048 bytes from 10.0.0.1:4001`. */
export function summariseFetches(fetches: readonly FetchRecord[], max = 30): readonly string[] {
  const lines = fetches.slice(0, max).map((call) => {
    const { subgraph, outcome, startMs, durationMs, entities, bytes, instance, retries, isShared } = call;
    const parts = [
      `${subgraph} ${outcome} ${Math.round(durationMs)} ms after ${Math.round(startMs)} ms`,
      entities === undefined ? [] : `${entities} entities`,
      bytes === undefined ? [] : `${bytes} bytes`,
      instance === undefined ? [] : `from ${instance}`,
      retries === 0 ? [] : `${retries} retries`,
      isShared ? 'shared' : [],
    ];
    return parts.flat().join(', ');
  });
  return fetches.length > max ? [...lines, `and ${fetches.length - max} more`] : lines;
}
