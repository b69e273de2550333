/**
 * Test support: an event loop of one processor in time of its own. Each turn takes what has come, and costs what that
 * costs; a request costs a part when it comes, and the rest when its subgraph has answered. Everything else is the real
 * `LoadShedder`. Nothing waits and nothing is by chance: what it tells is the same each time.
 */
import { LoadShedder } from '../../src/client/load-shedding';

export interface Phase {
  readonly perSecond: number;
  readonly forMs: number;
  /** Requests that come at once when it begins. */
  readonly burst?: number;
}

export interface PhaseFigures {
  readonly servedMs: number[];
  readonly refusedMs: number[];
}

interface Arrival {
  readonly at: number;
  readonly figures: PhaseFigures;
}

const subgraphMs = 5;
const refusalMs = 0.02;

/** `costMs`: of the processor, for one request. */
export function simulateLoop(phases: readonly Phase[], costMs: number): readonly PhaseFigures[] {
  const figures = phases.map((): PhaseFigures => ({ servedMs: [], refusedMs: [] }));
  const arrivals = arrivalsOf(phases, figures);
  const answers: { readonly at: number; readonly arrival: Arrival; readonly leave: () => void }[] = [];
  let now = 0;
  let sample = () => {};
  let sampleAt = 0;
  const shedder = new LoadShedder(
    { maxEventLoopDelayMs: 50, maxInFlight: 10_000, priority: { operations: [], tiers: [] } },
    {
      elapsed: () => now,
      schedule: (callback, delayMs) => {
        sample = callback;
        sampleAt = now + delayMs;
        return () => {};
      },
      onChange: () => {},
      onRefused: () => {},
      tierOf: () => undefined,
    },
  );
  const take = (arrival: Arrival) => {
    if (shedder.judge([]) === 'admit') {
      const leave = shedder.begin();
      now += 0.3 * costMs;
      answers.push({ at: now + subgraphMs, arrival, leave });
      return;
    }
    now += refusalMs;
    arrival.figures.refusedMs.push(now - arrival.at);
  };
  for (let next = 0; next < arrivals.length || answers.length > 0; ) {
    if (now >= sampleAt) sample();
    const turnAt = now;
    while (answers[0] && answers[0].at <= turnAt) {
      const { arrival, leave } = answers.shift() as (typeof answers)[number];
      now += 0.7 * costMs;
      leave();
      arrival.figures.servedMs.push(now - arrival.at);
    }
    for (let arrival = arrivals[next]; arrival && arrival.at <= turnAt; arrival = arrivals[next]) {
      next++;
      take(arrival);
    }
    if (now === turnAt) now = Math.min(arrivals[next]?.at ?? sampleAt, answers[0]?.at ?? sampleAt, sampleAt);
  }
  return figures;
}

function arrivalsOf(phases: readonly Phase[], figures: readonly PhaseFigures[]): readonly Arrival[] {
  const chance = createChance();
  const arrivals: Arrival[] = [];
  let start = 0;
  for (const [index, { perSecond, forMs, burst = 0 }] of phases.entries()) {
    const own = figures[index] as PhaseFigures;
    for (let one = 0; one < burst; one++) arrivals.push({ at: start, figures: own });
    const wait = () => (-Math.log(chance()) * 1_000) / perSecond;
    for (let at = start + wait(); at < start + forMs; at += wait()) arrivals.push({ at, figures: own });
    start += forMs;
  }
  return arrivals;
}

/** Numbers over 0 and below 1 that look like chance and are the same each time. */
function createChance(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
