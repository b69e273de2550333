/**
 * The `rateLimits` section: how often who may ask what, beyond what the subgraphs declare by `@rateLimit`.
 */
import { z } from 'zod';
import { count, list, reloadable, text } from './values';

const algorithms = ['sliding-window', 'token-bucket'] as const;
const storeFailures = ['open', 'closed', 'local'] as const;
const countedBy = ['identity', 'ip', 'apiKey', 'global'] as const;

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const longestWindowMs = 31 * 86_400_000;
const spelled = /^(\d+(?:\.\d+)?) ?(ms|milliseconds?|msecs?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)$/i;

/** `"15m"`, `"60 s"`, `"1 hour"` in milliseconds; undefined for anything else, for less than 1 ms and over 31 days. */
export function readWindow(written: string): number | undefined {
  const [, amount = '', unit = ''] = spelled.exec(written) ?? [];
  const short = /^m(s|illi)/i.test(unit) ? 'ms' : unit.slice(0, 1).toLowerCase();
  const milliseconds = Math.round(Number(amount) * (unitMs[short] ?? 0));
  return milliseconds >= 1 && milliseconds <= longestWindowMs ? milliseconds : undefined;
}

export const windowProblem = 'expected a time with its unit, such as "30s", "15m", "1h" or "7d", of 31 days at most';

/** A time with its unit, as text. */
export const windowText = () => z.string().refine((value) => readWindow(value) !== undefined, { error: windowProblem });

/** A sliding window remembers every charge of its window, a token bucket two numbers. */
const maxima = { 'sliding-window': 100_000, 'token-bucket': 1_000_000 } as const;

/** What is wrong with so many per window, or undefined. Whole numbers below 2^53 keep counting exact. */
export function quotaProblem(max: number, algorithm: (typeof algorithms)[number]): string | undefined {
  if (!Number.isSafeInteger(max) || max < 1) return 'max must be a whole number of at least 1';
  if (max <= maxima[algorithm]) return undefined;
  return `max may be ${maxima[algorithm]} at most for a ${algorithm}`;
}

const allowanceShape = {
  max: count().describe('So many per window.'),
  window: windowText().describe('A time with its unit: `30s`, `15m`, `1h`, `7d`.'),
};

const tierSchema = z.strictObject({
  ...allowanceShape,
  algorithm: z
    .enum(algorithms)
    .default('sliding-window')
    .describe('`sliding-window` is exact; `token-bucket` allows `max` at once and then refills evenly.'),
});

const nameText = () =>
  z.string().regex(/^[A-Za-z][\w.-]{0,63}$/, { error: 'expected a name of letters, digits, ".", "-" and "_"' });

const ruleSchema = z
  .strictObject({
    name: nameText().describe('Told to clients in `RateLimit-Policy`.'),
    operation: text().optional().describe('Only operations of this name: for documents that clients cannot choose.'),
    rootType: z.enum(['query', 'mutation', 'subscription']).optional().describe('Only operations of this type.'),
    route: z
      .string()
      .regex(/^(GET|POST|PUT|PATCH|DELETE) \/\S*$/, { error: 'expected a route such as "POST /auth/login"' })
      .optional()
      .describe('Only requests to this REST route: `POST /auth/login`, `GET /users/{id}`, without the prefix.'),
    by: z
      .enum(countedBy)
      .default('identity')
      .describe('Who has a counter: who asks (anonymous: by address), an address, an API key, or all together.'),
    tier: nameText().optional().describe('Takes `max`, `window` and `algorithm` of a tier, and its overrides.'),
    max: allowanceShape.max.optional(),
    window: allowanceShape.window.optional(),
    algorithm: tierSchema.shape.algorithm.unwrap().optional(),
    message: text().optional().describe('Instead of our words.'),
    countRejected: z.boolean().default(false).describe('Refused operations count too.'),
    onStoreFailure: z.enum(storeFailures).optional(),
  })
  .refine(({ tier, max, window }) => (tier === undefined) === (max !== undefined && window !== undefined), {
    error: 'give either tier, or max and window',
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .refine(({ tier, max, window, algorithm }) => tier === undefined || !(max ?? window ?? algorithm), {
    error: 'max, window and algorithm are the tier’s',
  });

const defaultTiers = {
  general: { max: 100, window: '60s', algorithm: 'sliding-window' },
  login: { max: 5, window: '15m', algorithm: 'sliding-window' },
  codes: { max: 3, window: '60s', algorithm: 'sliding-window' },
  uploads: { max: 10, window: '60s', algorithm: 'sliding-window' },
} as const;

export const rateLimitsSchema = z
  .strictObject({
    namespace: reloadable(
      z.string().regex(/^[\w.:-]{1,64}$/, { error: 'expected letters, digits, ".", ":", "-" and "_"' }),
      false,
    )
      .default('supergate')
      .describe('Gateways with the same namespace in the same Redis share their counters.'),
    onRefusal: z
      .enum(['filter', 'reject'])
      .default('filter')
      .describe('A refused field is null beside the others, or refuses the whole operation.'),
    onStoreFailure: z
      .enum(storeFailures)
      .default('local')
      .describe('While Redis does not answer: `open` lets pass, `closed` refuses, `local` counts in this process.'),
    maxMemoryBytes: reloadable(count().min(1_000_000), false)
      .default(100_000_000)
      .describe('Memory of the counters of this process.'),
    tiers: z
      .record(nameText(), tierSchema)
      .default({})
      .transform((given) => ({ ...defaultTiers, ...given }) as Readonly<Record<string, z.output<typeof tierSchema>>>)
      .describe(
        'Named allowances, for rules and for `@rateLimit(tier:)`; each is one budget. There are `general` (100 in 60s), `login` (5 in 15m), `codes` (3 in 60s) and `uploads` (10 in 60s).',
      ),
    overrides: z
      .record(z.string(), z.record(nameText(), z.strictObject(allowanceShape).partial()))
      .default({})
      .describe(
        'By the tier of who asks (the claim `tier`, or that of an API key): what differs, by name of the tier.',
      ),
    rules: list(ruleSchema),
  })
  .superRefine(({ tiers, overrides, rules }, check) => {
    const unknown = (name: string, path: (string | number)[]) =>
      check.addIssue({
        code: 'custom',
        path,
        message: `there is no tier "${name}": there are ${Object.keys(tiers).join(', ')}`,
      });
    const exceeds = (
      max: number | undefined,
      algorithm: (typeof algorithms)[number] | undefined,
      path: (string | number)[],
    ) => {
      const problem = max === undefined ? undefined : quotaProblem(max, algorithm ?? 'sliding-window');
      if (problem !== undefined) check.addIssue({ code: 'custom', path: [...path, 'max'], message: problem });
    };
    for (const [name, { max, algorithm }] of Object.entries(tiers)) exceeds(max, algorithm, ['tiers', name]);
    for (const [who, changes] of Object.entries(overrides)) {
      for (const [name, { max }] of Object.entries(changes)) {
        const path = ['overrides', who, name];
        if (!Object.hasOwn(tiers, name)) unknown(name, path);
        else exceeds(max, tiers[name]?.algorithm, path);
      }
    }
    for (const [index, { name, tier, max, algorithm }] of rules.entries()) {
      if (tier !== undefined && !Object.hasOwn(tiers, tier)) unknown(tier, ['rules', index, 'tier']);
      exceeds(max, algorithm, ['rules', index]);
      const first = rules.findIndex((rule) => rule.name === name);
      if (first !== index) {
        check.addIssue({ code: 'custom', path: ['rules', index, 'name'], message: 'two rules have the same name' });
      }
    }
  })
  .prefault({});

export type RateLimitsConfig = z.output<typeof rateLimitsSchema>;
export type RateLimitAlgorithm = (typeof algorithms)[number];
export type OnStoreFailure = (typeof storeFailures)[number];
export type CountedBy = (typeof countedBy)[number];
export const rateLimitWords = { algorithms, storeFailures, countedBy } as const;
