/**
 * What a store of counters is asked, and how it decides: all charges of one operation at once, in their order.
 * `redis-script.ts` decides the same in Lua. Clock: per request.
 */
import type { Quota, RateCounter } from './rate-counters';

/** One counter of an operation: each stands once in a request. */
export interface CounterUse {
  /** `RULE|…|WHO`: unique for rule and whoever is counted; values of a client are JSON in it. */
  readonly key: string;
  readonly quota: Quota;
}

/** What a unit wants of a counter. */
export interface Charge {
  /** Index of the counter. */
  readonly counter: number;
  readonly cost: number;
  /** Whether it counts although its unit is refused. */
  readonly countsRejected: boolean;
  /** It must fit, and counts nothing. */
  readonly isReadOnly: boolean;
}

/** What is allowed or refused as one: the whole operation, or a field with what is below it. */
export interface ChargedUnit {
  /** At most one for each counter. */
  readonly charges: readonly Charge[];
  readonly scope: 'operation' | 'root field' | 'field';
  /** Index of the nearest unit around it: refused with it, and then not counted. */
  readonly parent: number | undefined;
}

export interface ChargeRequest {
  readonly counters: readonly CounterUse[];
  /** Outer before inner. */
  readonly units: readonly ChargedUnit[];
  /** Any refused field refuses the operation. */
  readonly refusesWholly: boolean;
  /** Something runs even if every unit with the scope `root field` is refused. */
  readonly hasFreeRootFields: boolean;
}

export interface RefusedUnit {
  readonly unit: number;
  /** The one with the longest wait. */
  readonly counter: number;
  readonly waitMs: number;
}

export interface ChargeOutcome {
  /** Then nothing was charged but what `countsRejected`. */
  readonly isWhollyRefused: boolean;
  /** Without those that only stand below another one. */
  readonly refused: readonly RefusedUnit[];
  /** By counter, after this operation. */
  readonly counters: readonly { readonly remaining: number; readonly resetMs: number }[];
}

export interface RateLimitStore {
  /** Undefined: it cannot tell. Never rejects. */
  charge(request: ChargeRequest): ChargeOutcome | Promise<ChargeOutcome | undefined>;
}

/** Decides with `counters`, which must be settled, and counts in them. */
export function decideCharges(request: ChargeRequest, counters: readonly RateCounter[], now: number): ChargeOutcome {
  const { units, refusesWholly, hasFreeRootFields } = request;
  const pending = counters.map(() => 0);
  const refused: RefusedUnit[] = [];
  const isRefused: boolean[] = [];
  let isWhollyRefused = false;
  let runs = hasFreeRootFields || !units.some(({ scope }) => scope === 'root field');
  for (let index = 0; index < units.length; index++) {
    const { charges, scope, parent } = units[index] as ChargedUnit;
    isRefused[index] = parent !== undefined && isRefused[parent] === true;
    if (isRefused[index]) continue;
    const refusal = findRefusal(request, charges, counters, pending, now);
    if (refusal) {
      isRefused[index] = true;
      refused.push({ unit: index, ...refusal });
      isWhollyRefused ||= refusesWholly || scope === 'operation';
      if (scope === 'operation') break;
      continue;
    }
    runs ||= scope === 'root field';
    for (const { counter, cost, isReadOnly } of charges) {
      if (!isReadOnly) pending[counter] = (pending[counter] ?? 0) + cost;
    }
  }
  isWhollyRefused ||= !runs;
  count(request, counters, isWhollyRefused ? [] : pending, refused, now);
  const after = counters.map((counter, index) => {
    const { quota } = request.counters[index] as CounterUse;
    return { remaining: counter.remaining(quota), resetMs: counter.resetMs(now, quota) };
  });
  return { isWhollyRefused, refused, counters: after };
}

function findRefusal(
  request: ChargeRequest,
  charges: readonly Charge[],
  counters: readonly RateCounter[],
  pending: readonly number[],
  now: number,
): { readonly counter: number; readonly waitMs: number } | undefined {
  let longest: { counter: number; waitMs: number } | undefined;
  for (const { counter, cost } of charges) {
    const { quota } = request.counters[counter] as CounterUse;
    const waitMs = (counters[counter] as RateCounter).waitFor(cost, pending[counter] ?? 0, now, quota);
    if (waitMs > (longest?.waitMs ?? 0)) longest = { counter, waitMs };
  }
  return longest;
}

/** `pending`: what is to be counted of the units that run. */
function count(
  request: ChargeRequest,
  counters: readonly RateCounter[],
  pending: readonly number[],
  refused: readonly RefusedUnit[],
  now: number,
): void {
  const costs = counters.map((_, index) => pending[index] ?? 0);
  for (const { unit } of refused) {
    for (const { counter, cost, countsRejected, isReadOnly } of request.units[unit]?.charges ?? []) {
      if (countsRejected && !isReadOnly) costs[counter] = (costs[counter] ?? 0) + cost;
    }
  }
  for (let index = 0; index < costs.length; index++) {
    const cost = costs[index] ?? 0;
    if (cost > 0) counters[index]?.take(cost, now, (request.counters[index] as CounterUse).quota);
  }
}
