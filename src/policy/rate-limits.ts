/**
 * The rate limits of one generation: what authorization left of an operation in, a verdict out, everything that is
 * charged in one request to the store. Clock: per supergraph (rules), per document (plan), per request (charge).
 */
import type { FieldNode, GraphQLObjectType } from 'graphql';
import type { RateLimitReport } from '../client/rate-limit-headers';
import type { CostBudget } from '../config/cost';
import type { RateLimitsConfig } from '../config/rate-limits';
import type { RequestContext } from '../context/request-context';
import { ClientError } from '../errors';
import type { Operation } from '../operation/document';
import { type FieldOccurrence, isAsked, responsePathOf } from '../operation/facts';
import {
  type AdmissionRequest,
  allowed,
  type Exclusions,
  isExcluded,
  type Policies,
  type PolicySubject,
  type Verdict,
} from './admission';
import { argumentValue, listLength } from './argument-values';
import { countedParty, writeValues } from './counted-parties';
import { UnenforceableError } from './links';
import type { Quota } from './rate-counters';
import { readRateLimits } from './rate-limit-declarations';
import { planRateLimits, planRouteLimits, type RateLimitPlan } from './rate-limit-plan';
import { allowanceOf, createRateLimitRules, type RateLimitRule, type RateLimitRules } from './rate-limit-rules';
import type { Charge, ChargedUnit, CounterUse, RefusedUnit } from './rate-limit-store';
import type { LimiterOutcome, LimiterRequest, RateLimiter } from './rate-limiter';

export interface RateLimitsOptions {
  readonly config: RateLimitsConfig;
  /** What operations may cost together. */
  readonly budget?: CostBudget | undefined;
  readonly limiter: RateLimiter;
  /** Told of each rule that an operation met. */
  readonly onDecision?: ((rule: string, outcome: 'allowed' | 'refused') => void) | undefined;
}

type Limits = Required<Pick<Policies, 'limit' | 'limitRoute'>>;

/** The limits of a supergraph; undefined where nothing is limited. Throws `UnenforceableError`. */
export function createRateLimits(subject: PolicySubject, options: RateLimitsOptions): Limits | undefined {
  const { declarations, problems } = readRateLimits(subject.supergraph, Object.keys(options.config.tiers));
  if (problems.length > 0) {
    throw new UnenforceableError(problems.map(({ coordinate, message }) => `${coordinate}: ${message}`).join('\n'));
  }
  const rules = createRateLimitRules(declarations, options.config, options.budget);
  if (!rules) return undefined;
  const limits = new RateLimits(subject, rules, options);
  return {
    limit: (request, exclusions, cost) => limits.limit(request, exclusions, cost),
    limitRoute: (context) => limits.limitRoute(context),
  };
}

class RateLimits {
  /** By route: one operation may be asked as such, and at a route. */
  private readonly plans = new WeakMap<Operation, Map<string, RateLimitPlan | undefined>>();

  constructor(
    private readonly subject: PolicySubject,
    private readonly rules: RateLimitRules,
    private readonly options: RateLimitsOptions,
  ) {}

  limit(request: AdmissionRequest, exclusions: Exclusions | undefined, cost: number): Verdict | Promise<Verdict> {
    const plan = this.planOf(request.operation, request.context.route);
    if (!plan) return allowed;
    return this.charge(plan, new Bill(this.subject, plan, request, exclusions, cost), request.context);
  }

  limitRoute(context: RequestContext): Verdict | Promise<Verdict> {
    const plan = planRouteLimits(this.rules, context.route ?? '');
    const bill = new Bill(this.subject, plan, { context, variables: { coerced: {} } }, undefined, 0);
    return this.charge(plan, bill, context);
  }

  private charge(plan: RateLimitPlan, bill: Bill, context: RequestContext): Verdict | Promise<Verdict> {
    if (bill.units.length === 0) return allowed;
    const outcome = this.options.limiter.charge(bill.toRequest(this.options.config.onRefusal === 'reject'));
    if (outcome instanceof Promise) return outcome.then((decided) => this.judge(plan, bill, context, decided));
    return this.judge(plan, bill, context, outcome);
  }

  private planOf(operation: Operation, route = ''): RateLimitPlan | undefined {
    let known = this.plans.get(operation);
    if (!known) {
      known = new Map();
      this.plans.set(operation, known);
    }
    if (!known.has(route)) {
      const { facts, apiSchema } = this.subject;
      known.set(route, planRateLimits(operation, facts.of(operation), this.rules, apiSchema, route));
    }
    return known.get(route);
  }

  private judge(plan: RateLimitPlan, bill: Bill, context: RequestContext, outcome: LimiterOutcome): Verdict {
    const { refused } = outcome;
    this.tell(bill, refused);
    if (context.told) context.told.rateLimits = reportOf(bill, outcome);
    if (refused.length === 0) return allowed;
    const refusals = refused.map((unit) => bill.describe(unit, outcome));
    if (outcome.isWhollyRefused) {
      const errors = refusals.map(({ code, message, extensions, path }) => {
        const headers = { 'retry-after': String(extensions.retryAfterSeconds) };
        return new ClientError(code, message, { extensions, headers, ...(path && { path }) });
      });
      return { kind: 'refused', errors };
    }
    const units = refused.map(({ unit }) => bill.plannedIndex(unit));
    const reasons = refusals.map(({ code, message, extensions }) => ({ message, extensions: { ...extensions, code } }));
    return { kind: 'partly', exclusions: { fields: excludedFields(plan, units), reasons } };
  }

  private tell(bill: Bill, refused: readonly RefusedUnit[]): void {
    const { onDecision } = this.options;
    if (!onDecision) return;
    for (const name of bill.ruleNames()) {
      const isRefused = refused.some(({ counter }) => bill.ruleOf(counter).name === name);
      onDecision(name, isRefused ? 'refused' : 'allowed');
    }
  }
}

function reportOf(bill: Bill, outcome: LimiterOutcome): RateLimitReport {
  const waits = outcome.refused.map(({ waitMs }) => waitMs);
  return {
    quotas: bill.quotas(outcome),
    retryAfterMs: waits.length === 0 ? undefined : Math.max(...waits),
  };
}

/** What does not hang on the request: which units are left out, by their index. */
function excludedFields({ unitOf, units }: RateLimitPlan, refused: readonly number[]): Exclusions['fields'] {
  return {
    key: `limits ${refused.join(' ')}`,
    reasonOf(type: GraphQLObjectType, node: FieldNode) {
      const unit = unitOf.get(node);
      const reason = unit === undefined ? -1 : refused.indexOf(unit);
      const types = unit === undefined ? undefined : units[unit]?.types;
      return reason >= 0 && (types === undefined || types.has(type.name)) ? reason : undefined;
    },
  };
}

interface DescribedRefusal {
  readonly code: 'REQUEST_RATE_LIMITED' | 'RATE_LIMITS_UNAVAILABLE' | 'COST_BUDGET_EXCEEDED';
  readonly message: string;
  readonly extensions: { readonly policy: string; readonly retryAfterSeconds: number };
  readonly path: readonly string[] | undefined;
}

interface BilledRequest extends Pick<AdmissionRequest, 'context'> {
  readonly variables: Pick<AdmissionRequest['variables'], 'coerced'>;
}

/** So many counters are looked through one after the other. */
const indexedFrom = 16;

/** The charges of one request. */
class Bill {
  readonly counters: CounterUse[] = [];
  readonly units: ChargedUnit[] = [];
  private readonly rules: RateLimitRule[] = [];
  /** By index of `units`; undefined for the operation's own. */
  private readonly planned: (number | undefined)[] = [];
  private indexes: Map<string, number> | undefined;
  private readonly hasFreeRootFields: boolean;

  constructor(
    private readonly subject: PolicySubject,
    private readonly plan: RateLimitPlan,
    private readonly request: BilledRequest,
    private readonly exclusions: Exclusions | undefined,
    private readonly cost: number,
  ) {
    this.chargeOperation();
    const chargedAt = new Map<number, number>();
    for (const [index, unit] of plan.units.entries()) {
      const charges: Charge[] = [];
      for (const occurrence of unit.occurrences) {
        if (!this.runs(occurrence)) continue;
        for (const rule of unit.rules) this.chargeField(rule, occurrence, charges);
      }
      if (charges.length === 0) continue;
      chargedAt.set(index, this.units.length);
      const parent = unit.parent === undefined ? undefined : chargedAt.get(unit.parent);
      this.add({ charges, scope: unit.scope, parent }, index);
    }
    this.hasFreeRootFields = plan.freeRootFields.some((occurrence) => this.runs(occurrence));
  }

  toRequest(refusesWholly: boolean): LimiterRequest {
    const { counters, units, hasFreeRootFields } = this;
    const onStoreFailure = this.rules.map((rule) => rule.onStoreFailure);
    return { counters, units, refusesWholly, hasFreeRootFields, onStoreFailure };
  }

  ruleOf(counter: number): RateLimitRule {
    return this.rules[counter] as RateLimitRule;
  }

  /** Each once. */
  ruleNames(): readonly string[] {
    const names = this.rules.map(({ name }) => name);
    return names.length < 2 ? names : names.filter((name, index) => names.indexOf(name) === index);
  }

  plannedIndex(unit: number): number {
    return this.planned[unit] ?? -1;
  }

  /** One line for each rule: of several counters the one that is nearest to its end. */
  quotas({ counters, isShared }: LimiterOutcome) {
    const byName = new Map<
      string,
      { name: string; max: number; windowMs: number; remaining: number; resetMs: number }
    >();
    for (const [index, { remaining, resetMs }] of counters.entries()) {
      const { name, onStoreFailure } = this.ruleOf(index);
      // Without the shared store, nobody knows the others.
      if (!isShared && onStoreFailure !== 'local') continue;
      const { max, windowMs } = (this.counters[index] as CounterUse).quota;
      const known = byName.get(name);
      if (!known || remaining < known.remaining) byName.set(name, { name, max, windowMs, remaining, resetMs });
    }
    return [...byName.values()];
  }

  describe({ unit, counter, waitMs }: RefusedUnit, { isShared }: LimiterOutcome): DescribedRefusal {
    const rule = this.ruleOf(counter);
    const [occurrence] = this.plan.units[this.plannedIndex(unit)]?.occurrences ?? [];
    const path = occurrence && responsePathOf(occurrence);
    const retryAfterSeconds = Math.ceil(waitMs / 1_000);
    const extensions = { policy: rule.name, retryAfterSeconds };
    if (!isShared && rule.onStoreFailure === 'closed') {
      const message = `The limit "${rule.name}" cannot be checked at the moment.`;
      return { code: 'RATE_LIMITS_UNAVAILABLE', message, extensions, path };
    }
    const { quota } = this.counters[counter] as CounterUse;
    if (rule.counts === 'cost') {
      const message = `The operation would cost ${this.cost}, and that is not left of the ${quota.max} that may be spent in ${quota.windowMs / 1_000} s. Try again in ${retryAfterSeconds} s.`;
      return { code: 'COST_BUDGET_EXCEEDED', message, extensions, path };
    }
    const words = `Too many requests: "${rule.name}" allows ${quota.max} in ${quota.windowMs / 1_000} s. Try again in ${retryAfterSeconds} s.`;
    return { code: 'REQUEST_RATE_LIMITED', message: rule.message ?? words, extensions, path };
  }

  private chargeOperation(): void {
    const charges: Charge[] = [];
    for (const rule of this.plan.operationRules) {
      this.charge(rule, '', rule.counts === 'cost' ? this.cost : 1, charges);
    }
    if (charges.length > 0) this.add({ charges, scope: 'operation', parent: undefined }, undefined);
  }

  private chargeField(rule: RateLimitRule, { field, nodes: [node] }: FieldOccurrence, charges: Charge[]): void {
    const { coerced } = this.request.variables;
    const values = rule.identityArgs.map((path) => argumentValue(field, node, path, coerced));
    const { arrayLengthField } = rule;
    const cost = arrayLengthField ? listLength(argumentValue(field, node, arrayLengthField, coerced)) : 1;
    this.charge(rule, values.length === 0 ? '' : writeValues(values), cost, charges);
  }

  private charge(rule: RateLimitRule, values: string, cost: number, charges: Charge[]): void {
    const { identity, clientAddress = '' } = this.request.context;
    const party = countedParty(rule.by, identity, clientAddress);
    if (party === undefined) return;
    const { quota, prefix } = allowanceOf(rule, identity);
    const key = `${prefix}${party}|${values}`;
    const counter = this.counterOf(key, quota, rule);
    charges.push({ counter, cost, countsRejected: rule.countsRejected, isReadOnly: rule.isReadOnly });
  }

  private counterOf(key: string, quota: Quota, rule: RateLimitRule): number {
    const { counters } = this;
    // Few operations have more than a handful.
    const known = counters.length > indexedFrom ? this.indexOf(key) : counters.findIndex((use) => use.key === key);
    if (known >= 0) return known;
    this.rules.push(rule);
    this.indexes?.set(key, counters.length);
    return counters.push({ key, quota }) - 1;
  }

  private indexOf(key: string): number {
    this.indexes ??= new Map(this.counters.map((use, index) => [use.key, index]));
    return this.indexes.get(key) ?? -1;
  }

  private add({ charges, scope, parent }: ChargedUnit, planned: number | undefined): void {
    this.units.push({ charges: mergeCharges(charges), scope, parent });
    this.planned.push(planned);
  }

  /** Whether it is asked by these variables, and authorization left it. */
  private runs(occurrence: FieldOccurrence): boolean {
    if (!isAsked(occurrence, this.request.variables.coerced)) return false;
    if (!this.exclusions) return true;
    for (let at: FieldOccurrence | undefined = occurrence; at; at = at.parent) {
      if (isExcluded(at, this.exclusions, this.subject.apiSchema)) return false;
    }
    return true;
  }
}

/** One charge for each counter: what a unit takes of it at two places must fit together. */
function mergeCharges(charges: readonly Charge[]): readonly Charge[] {
  if (charges.length < 2) return charges;
  const merged = new Map<number, Charge>();
  for (const charge of charges) {
    const other = merged.get(charge.counter);
    merged.set(charge.counter, other ? joinCharges(other, charge) : charge);
  }
  return [...merged.values()];
}

function joinCharges(a: Charge, b: Charge): Charge {
  return {
    counter: a.counter,
    cost: a.cost + b.cost,
    countsRejected: a.countsRejected || b.countsRejected,
    isReadOnly: a.isReadOnly && b.isReadOnly,
  };
}
