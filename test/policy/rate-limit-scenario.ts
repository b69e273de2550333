/**
 * Random charge requests for the stores: few counters and short windows, so that every case is met often.
 */
import type { Quota } from '../../src/policy/rate-counters';
import type { Charge, ChargedUnit, ChargeRequest } from '../../src/policy/rate-limit-store';

/** A seeded generator of numbers in [0, 1). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const below = (random: () => number, limit: number) => Math.floor(random() * limit);

export function randomQuota(random: () => number): Quota {
  return {
    algorithm: random() < 0.5 ? 'sliding-window' : 'token-bucket',
    max: 1 + below(random, 7),
    windowMs: 1 + below(random, 300),
  };
}

/** A request over some of `quotas`, by name. */
export function randomRequest(random: () => number, quotas: readonly Quota[]): ChargeRequest {
  const chosen = quotas.map((quota, index) => ({ quota, index })).filter(() => random() < 0.7);
  const used = chosen.length > 0 ? chosen : [{ quota: quotas[0] as Quota, index: 0 }];
  const counters = used.map(({ quota, index }) => ({ key: `rule${index}|who`, quota }));
  const scopes = ['operation', 'root field', 'field'] as const;
  const units: ChargedUnit[] = Array.from({ length: 1 + below(random, 4) }, (_, index) => ({
    scope: scopes[index === 0 ? below(random, 3) : 1 + below(random, 2)] ?? 'field',
    parent: index > 0 && random() < 0.3 ? below(random, index) : undefined,
    charges: randomCharges(random, counters.length),
  }));
  return { counters, units, refusesWholly: random() < 0.2, hasFreeRootFields: random() < 0.5 };
}

function randomCharges(random: () => number, counters: number): Charge[] {
  return Array.from({ length: 1 + below(random, 3) }, () => ({
    counter: below(random, counters),
    cost: 1 + below(random, random() < 0.1 ? 10 : 3),
    countsRejected: random() < 0.3,
    isReadOnly: random() < 0.15,
  }));
}
