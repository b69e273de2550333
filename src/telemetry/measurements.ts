/**
 * What metrics measure only when they are asked for: event loop, memory, garbage, caches, instances of subgraphs.
 * The floor. In: what is measured. Out: samples of the metrics in the catalogue. Clock: per scrape.
 */
import { constants, type IntervalHistogram, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { counters, type Exposed } from './exposition';
import type { CacheState, SubgraphState } from './metrics';

type Samples = Exposed['family'];

const nanosecondsPerSecond = 1e9;
/** Of the timers by which the lag is measured. */
export const lagResolutionMs = 10;

/** Reads and forgets: each scrape tells of the time since the one before. */
export function measureEventLoop(eventLoop: IntervalHistogram): Samples {
  const quantiles = [
    [['0.5'], { value: lagSeconds(eventLoop.percentile(50)) }],
    [['0.99'], { value: lagSeconds(eventLoop.percentile(99)) }],
    [['1'], { value: lagSeconds(eventLoop.max) }],
  ] as const;
  eventLoop.reset();
  return quantiles;
}

export function measureSubgraphs(subgraphs: ReadonlyMap<string, SubgraphState>) {
  const all = [...subgraphs];
  const each = (value: (instance: SubgraphState['instances'][number]) => number): Samples =>
    all.flatMap(([subgraph, { instances }]) =>
      instances.map((instance) => [[subgraph, instance.host], { value: value(instance) }] as const),
    );
  const ofBreakers = (value: (breaker: NonNullable<SubgraphState['breaker']>) => number): Samples =>
    all.flatMap(([subgraph, { breaker }]) => (breaker ? [[[subgraph], { value: value(breaker) }] as const] : []));
  const discoveries: Samples = all.flatMap(([subgraph, { discovery }]) =>
    discovery === undefined
      ? []
      : [
          [[subgraph, 'changed'], { value: discovery.changes }] as const,
          [[subgraph, 'failed'], { value: discovery.failures }] as const,
        ],
  );
  const repetitions: Samples = all.flatMap(([subgraph, { retries, hedges }]) => [
    [[subgraph, 'retry'], { value: retries }] as const,
    [[subgraph, 'hedge'], { value: hedges }] as const,
  ]);
  return {
    supergate_subgraph_instance_up: each(({ circuit }) => (circuit === 'closed' ? 1 : 0)),
    supergate_subgraph_ejections_total: each(({ ejections }) => ejections),
    supergate_subgraph_instance_requests_in_flight: each(({ outstanding }) => outstanding),
    supergate_subgraph_instance_latency_seconds: each(({ latencyMs }) => latencyMs / 1_000),
    supergate_subgraph_breaker_open: ofBreakers(({ phase }) => (phase === 'closed' ? 0 : 1)),
    supergate_subgraph_breaker_openings_total: ofBreakers(({ openings }) => openings),
    supergate_subgraph_discoveries_total: discoveries,
    supergate_subgraph_repetitions_total: repetitions,
  };
}

export function measureCaches(caches: Readonly<Record<string, CacheState>>) {
  const all = Object.entries(caches);
  const lookups: Samples = all.flatMap(([cache, { hits, misses }]) => [
    [[cache, 'hit'], { value: hits }] as const,
    [[cache, 'miss'], { value: misses }] as const,
  ]);
  const each = (value: (state: CacheState) => number): Samples =>
    all.map(([cache, state]) => [[cache], { value: value(state) }] as const);
  return {
    supergate_prepared_lookups_total: lookups,
    supergate_prepared_entries: each(({ entries }) => entries),
    supergate_prepared_bytes: each(({ bytes }) => bytes),
  };
}

/** The process's own numbers are read when they are asked for, so that they cost nothing between scrapes. */
export function measureProcess() {
  const single = (value: number): Samples => [[[], { value }]];
  const { user, system } = process.cpuUsage();
  return {
    process_resident_memory_bytes: single(process.memoryUsage.rss()),
    process_heap_bytes: single(process.memoryUsage().heapUsed),
    process_cpu_seconds_total: single((user + system) / 1e6),
    process_start_time_seconds: single(Math.round(Date.now() / 1000 - process.uptime())),
  };
}

/** The measured interval holds the resolution itself; an interval that was never measured reads as 0 or NaN. */
function lagSeconds(nanoseconds: number): number {
  const lag = nanoseconds / nanosecondsPerSecond - lagResolutionMs / 1000;
  return lag > 0 && lag < 86_400 ? lag : 0;
}

const kindsOfGc: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

/** Adds up the time of collections of garbage, by kind, until `close`. */
export function observeGarbage(): { readonly seconds: Samples; close(): void } {
  const seconds = counters();
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // The types of Node leave `detail` out, which collections have.
      const { kind = 0 } = (entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } }).detail ?? {};
      seconds.of(kindsOfGc[kind] ?? 'other').value += entry.duration / 1_000;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return { seconds, close: () => observer.disconnect() };
}
