/**
 * The cost of operations under one supergraph: estimated before planning, refused when it is too much, counted from the
 * answer where that is wanted. Clock: per supergraph (declarations), per document (compiled), per request (evaluated).
 */
import type { CostConfig } from '../config/cost';
import { ClientError } from '../errors';
import type { Operation } from '../operation/document';
import { finish, type SlicedWork } from '../slices';
import { type AdmissionRequest, type Exclusions, isExcluded, type PolicySubject, type Weighed } from './admission';
import { readCosts } from './cost-declarations';
import { type CostInput, evaluate, FieldCosts } from './cost-parts';
import { compileCost, countAnswer, type OperationCost } from './cost-plan';
import { UnenforceableError } from './links';

/** Told what operations cost. */
export interface CostObserver {
  estimated(cost: number): void;
  /** Of an answer. */
  counted(cost: number): void;
  /** `refused` is false where costs are only measured. */
  exceeded(reason: CostExcess, refused: boolean): void;
}

export type CostExcess = 'maximum' | 'slicing arguments';

/** Undefined where costs are off. Throws `UnenforceableError`. */
export function createCosts(
  subject: PolicySubject,
  config: CostConfig,
  observer: CostObserver | undefined,
): Costs | undefined {
  if (config.mode === 'off') return undefined;
  const declarations = readCosts(subject.supergraph);
  const { problems } = declarations;
  if (problems.length > 0) {
    throw new UnenforceableError(problems.map(({ coordinate, message }) => `${coordinate}: ${message}`).join('\n'));
  }
  const { defaultListSize, mode } = config;
  const enforces = mode === 'enforce';
  const settings = { declarations, schema: subject.apiSchema, defaultListSize, enforces };
  return new Costs(subject, config, new FieldCosts(settings), observer);
}

/** Costs of one operation: the whole, and what authorization leaves of it. */
interface KnownCosts {
  readonly whole: OperationCost;
  readonly rest: WeakMap<Exclusions['fields'], OperationCost>;
}

export class Costs {
  private readonly known = new WeakMap<Operation, KnownCosts>();

  constructor(
    private readonly subject: PolicySubject,
    private readonly config: CostConfig,
    private readonly fieldCosts: FieldCosts,
    private readonly observer: CostObserver | undefined,
  ) {}

  weigh(request: AdmissionRequest, exclusions: Exclusions | undefined): Weighed {
    const cost = this.costOf(request.operation, exclusions);
    const input: CostInput = { variables: request.variables.coerced, known: new Map() };
    let estimated: number;
    try {
      // More is too much in any case, and counters need whole numbers.
      estimated = Math.min(evaluate(cost.estimate, input), Number.MAX_SAFE_INTEGER);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      this.observer?.exceeded('slicing arguments', true);
      return { kind: 'refused', errors: [error] };
    }
    this.observer?.estimated(estimated);
    const { maxCost, mode, actual } = this.config;
    const isTold = this.isTold(request);
    if (estimated > maxCost) {
      this.observer?.exceeded('maximum', mode === 'enforce');
      if (mode === 'enforce') return { kind: 'refused', errors: [tooExpensive(estimated, maxCost)] };
    }
    const tell = (counted?: number) =>
      isTold ? { cost: { estimated, ...(counted !== undefined && { actual: counted }), max: maxCost } } : undefined;
    if (!actual) return { kind: 'weighed', estimated, extensions: tell(), count: undefined };
    const count = (data: unknown) => {
      const counted = countAnswer(cost, data, input);
      this.observer?.counted(counted);
      return tell(counted);
    };
    return { kind: 'weighed', estimated, extensions: tell(), count };
  }

  private isTold({ context }: AdmissionRequest): boolean {
    const { extensions } = this.config;
    return extensions === 'always' || (extensions === 'header' && context.asksCost === true);
  }

  /** Compiles the whole operation, so that `weigh` finds it done. */
  *read(operation: Operation): SlicedWork<KnownCosts> {
    const occurrences = yield* this.subject.facts.read(operation);
    const whole = yield* compileCost(operation.type, occurrences, this.fieldCosts);
    const known = { whole, rest: new WeakMap() };
    this.known.set(operation, known);
    return known;
  }

  private costOf(operation: Operation, exclusions: Exclusions | undefined): OperationCost {
    const known = this.known.get(operation) ?? finish(this.read(operation));
    if (!exclusions) return known.whole;
    let rest = known.rest.get(exclusions.fields);
    if (!rest) {
      const { facts, apiSchema } = this.subject;
      const left = facts.of(operation).filter((occurrence) => !isExcluded(occurrence, exclusions, apiSchema));
      rest = finish(compileCost(operation.type, left, this.fieldCosts));
      known.rest.set(exclusions.fields, rest);
    }
    return rest;
  }
}

function tooExpensive(estimated: number, maxCost: number): ClientError {
  const message = `The operation would cost ${estimated}, more than the ${maxCost} that are allowed: ask for shorter lists, or for less of each item.`;
  return new ClientError('COST_ESTIMATED_TOO_EXPENSIVE', message, {
    extensions: { cost: { estimated, max: maxCost } },
  });
}
