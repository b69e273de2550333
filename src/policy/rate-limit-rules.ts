/**
 * What may be asked how often: the declarations of a supergraph and the configuration in, rules out.
 * Clock: per supergraph.
 */
import type { CostBudget } from '../config/cost';
import type { CountedBy, OnStoreFailure, RateLimitsConfig } from '../config/rate-limits';
import { readWindow } from '../config/rate-limits';
import type { Identity } from '../context/request-context';
import type { Quota } from './rate-counters';
import type { RateLimitDeclaration } from './rate-limit-declarations';

/** A quota and where it is counted: another algorithm or window begins to count anew. */
export interface Allowance {
  readonly quota: Quota;
  /** What the keys of its counters begin with. */
  readonly prefix: string;
}

export interface RateLimitRule {
  /** Told to clients: a coordinate, the name of a rule of the configuration, or of a tier. */
  readonly name: string;
  readonly by: CountedBy;
  /** `cost`: each operation counts for what it is estimated to cost. */
  readonly counts: 'calls' | 'cost';
  readonly allowance: Allowance;
  /** Instead of it, by the tier of who asks. */
  readonly overrides: ReadonlyMap<string, Allowance>;
  readonly identityArgs: readonly (readonly string[])[];
  readonly arrayLengthField: readonly string[] | undefined;
  readonly countsRejected: boolean;
  readonly isReadOnly: boolean;
  readonly message: string | undefined;
  readonly onStoreFailure: OnStoreFailure;
}

export interface OperationRule {
  readonly rule: RateLimitRule;
  /** Undefined: of any name. */
  readonly operation: string | undefined;
  /** Undefined: of any type. */
  readonly rootType: 'query' | 'mutation' | 'subscription' | undefined;
  /** As the context of a request to a REST route has it; undefined: whatever the door. */
  readonly route: string | undefined;
}

type RulesByName = ReadonlyMap<string, readonly RateLimitRule[]>;

export interface RateLimitRules {
  /** By coordinate of the field. */
  readonly fields: RulesByName;
  /** By name of the type. */
  readonly types: RulesByName;
  readonly operations: readonly OperationRule[];
}

/** Undefined where nothing is limited. The declarations must name tiers that there are. */
export function createRateLimitRules(
  declarations: readonly RateLimitDeclaration[],
  config: RateLimitsConfig,
  budget?: CostBudget,
): RateLimitRules | undefined {
  if (declarations.length === 0 && config.rules.length === 0 && !budget) return undefined;
  const fields = new Map<string, RateLimitRule[]>();
  const types = new Map<string, RateLimitRule[]>();
  for (const declaration of distinct(declarations)) {
    const { coordinate } = declaration;
    const target = coordinate.includes('.') ? fields : types;
    const known = target.get(coordinate) ?? [];
    target.set(coordinate, [...known, declaredRule(declaration, known.length, config)]);
  }
  const operations = config.rules.map((rule) => configuredRule(rule, config));
  return { fields, types, operations: budget ? [...operations, budgetRule(budget, config)] : operations };
}

/** Who asks is counted by the tier of theirs, if the rule knows it. */
export function allowanceOf({ allowance, overrides }: RateLimitRule, identity: Identity): Allowance {
  if (overrides.size === 0 || identity.kind === 'anonymous' || identity.tier === undefined) return allowance;
  return overrides.get(identity.tier) ?? allowance;
}

/** Subgraphs that share a field declare the same limit once each. */
function distinct(declarations: readonly RateLimitDeclaration[]): RateLimitDeclaration[] {
  return [...new Map(declarations.map((declaration) => [JSON.stringify(declaration), declaration])).values()];
}

function declaredRule(declaration: RateLimitDeclaration, index: number, config: RateLimitsConfig): RateLimitRule {
  const { coordinate, tier, max = 1, windowMs = 1, algorithm = 'sliding-window' } = declaration;
  const name = tier ?? (index === 0 ? coordinate : `${coordinate}/${index + 1}`);
  return {
    name,
    by: declaration.by ?? 'identity',
    counts: 'calls',
    ...(tier === undefined
      ? { allowance: allowance(`field:${name}`, { algorithm, max, windowMs }), overrides: new Map() }
      : tierAllowances(tier, config)),
    identityArgs: declaration.identityArgs,
    arrayLengthField: declaration.arrayLengthField,
    countsRejected: !declaration.uncountRejected,
    isReadOnly: declaration.readOnly,
    message: declaration.message,
    onStoreFailure: declaration.onStoreFailure ?? config.onStoreFailure,
  };
}

function configuredRule(written: RateLimitsConfig['rules'][number], config: RateLimitsConfig): OperationRule {
  const { name, tier, max = 1, window = '', algorithm = 'sliding-window', countRejected } = written;
  const windowMs = readWindow(window) ?? 1;
  const rule: RateLimitRule = {
    name,
    by: written.by,
    counts: 'calls',
    ...(tier === undefined
      ? { allowance: allowance(`rule:${name}`, { algorithm, max, windowMs }), overrides: new Map() }
      : tierAllowances(tier, config)),
    identityArgs: [],
    arrayLengthField: undefined,
    countsRejected: countRejected,
    isReadOnly: false,
    message: written.message,
    onStoreFailure: written.onStoreFailure ?? config.onStoreFailure,
  };
  return { rule, operation: written.operation, rootType: written.rootType, route: written.route };
}

function budgetRule(budget: CostBudget, config: RateLimitsConfig): OperationRule {
  const { by, algorithm, max, window, overrides } = budget;
  const allowanceFor = (changed: { readonly max?: number | undefined; readonly window?: string | undefined }) =>
    allowance('cost', { algorithm, max: changed.max ?? max, windowMs: readWindow(changed.window ?? window) ?? 1 });
  const rule: RateLimitRule = {
    name: 'cost',
    by,
    counts: 'cost',
    allowance: allowanceFor({}),
    overrides: new Map(Object.entries(overrides).map(([tier, changed]) => [tier, allowanceFor(changed)])),
    identityArgs: [],
    arrayLengthField: undefined,
    countsRejected: false,
    isReadOnly: false,
    message: undefined,
    onStoreFailure: budget.onStoreFailure ?? config.onStoreFailure,
  };
  return { rule, operation: undefined, rootType: undefined, route: undefined };
}

/** A tier is one budget, whoever draws from it. */
function tierAllowances(
  tier: string,
  { tiers, overrides }: RateLimitsConfig,
): Pick<RateLimitRule, 'allowance' | 'overrides'> {
  const { max = 1, window = '', algorithm = 'sliding-window' } = tiers[tier] ?? {};
  const quotaOf = (changed: { readonly max?: number | undefined; readonly window?: string | undefined }): Quota => ({
    algorithm,
    max: changed.max ?? max,
    windowMs: readWindow(changed.window ?? window) ?? 1,
  });
  const changes = Object.entries(overrides).flatMap(([who, byTier]) => {
    const changed = Object.hasOwn(byTier, tier) ? byTier[tier] : undefined;
    return changed ? [[who, allowance(`tier:${tier}`, quotaOf(changed))] as const] : [];
  });
  return { allowance: allowance(`tier:${tier}`, quotaOf({})), overrides: new Map(changes) };
}

function allowance(what: string, quota: Quota): Allowance {
  return { quota, prefix: `${what}|${quota.algorithm}|${quota.windowMs}|` };
}
