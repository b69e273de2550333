/**
 * Plans one operation, part by part, and joins the plans. A field with requirements that cannot be had in the likeliest
 * way is had in another; an operation that cannot be planned as it is, is formulated otherwise. In: what the client selects. Out: fetches. Clock: per document.
 */
import type { QueryPlan } from '@apollo/query-planner';
import type { GraphQLObjectType } from 'graphql';
import { ClientError } from '../errors';
import type { Operation } from '../operation/document';
import { finish, type Slices } from '../slices';
import { type PlannedFetch, UnsoundPlan } from './fetch-list';
import { joinParts } from './fetch-parts';
import { collectChoices, divideOperation, type OperationPart } from './operation-parts';
import { writeTrial } from './planning-operation';
import { type Choice, type Formulation, type PlanningOptions, readRootScope, type ScopeField } from './planning-scope';
import type { FieldRequirements, RequirementWay } from './supergraph-types';

/** Plans an operation of the planner's schema. Rejects with `ClientError`: `QUERY_PLAN_FAILED`, `_TIMEOUT`, `_TOO_LARGE`. */
export interface Planner {
  plan(document: string, overrideLabels?: readonly string[]): Promise<QueryPlan>;
}

/** Tells plans apart: the same operation is planned otherwise under other labels of progressive overrides. */
export function planKey(document: string, overrideLabels: readonly string[] = []): string {
  return overrideLabels.length === 0 ? document : `${overrideLabels.join()}\n${document}`;
}

interface OperationPlannerOptions extends Pick<PlanningOptions, 'reader' | 'names' | 'types'> {
  readonly slices: Slices;
  /** Of progressive overrides: those that are on. */
  readonly overrideLabels: readonly string[];
}

/** An operation, or some root fields of it, as it is put to the planner first. */
export interface FormulatedOperation {
  /** Equal for operations of which the same is planned. */
  readonly key: string;
  readonly names: ReadonlySet<string> | undefined;
  readonly formulation: Formulation;
  readonly parts: readonly OperationPart[];
}

/** Times that the fields of an operation are had in other ways than before. */
const maxRounds = 6;
const maxTrials = 40;

export class OperationPlanner {
  private options: PlanningOptions;
  private readonly chosen = new Map<string, RequirementWay | undefined>();
  private trials = 0;
  private unsound: UnsoundPlan | undefined;

  constructor(
    private readonly operation: Operation,
    private readonly rootType: GraphQLObjectType,
    private readonly given: OperationPlannerOptions,
  ) {
    this.options = {
      ...given,
      formulation: 'plain',
      count: { read: 0, written: 0 },
      choose: (place, ways) => (this.chosen.has(place) ? this.chosen.get(place) : this.open(ways)[0]),
    };
  }

  /** The root fields that subgraphs answer, in order. Empty when the operation asks only introspection and `__typename`. */
  rootFields(): readonly ScopeField[] {
    Object.assign(this.options.count, { read: 0, written: 0 });
    const sets = [{ set: this.operation.node.selectionSet, type: this.rootType }];
    return [...readRootScope(sets, this.rootType, this.options).fields.values()];
  }

  get type(): Operation['type'] {
    return this.operation.type;
  }

  /** Whether it may be answered in parts. */
  get defers(): boolean {
    return this.operation.defers;
  }

  /** Some root fields, or all: cut, when there are too many parts otherwise. Code: `QUERY_PLAN_TOO_LARGE`. */
  async formulate(names?: ReadonlySet<string>): Promise<FormulatedOperation> {
    try {
      return await this.formulateAs('plain', names);
    } catch (error) {
      if (!isTooHard(error)) throw error;
      return this.formulateAs('cut', names);
    }
  }

  private async formulateAs(
    formulation: Formulation,
    names: ReadonlySet<string> | undefined,
  ): Promise<FormulatedOperation> {
    this.options = { ...this.options, formulation };
    const parts = await this.divide(names);
    const told = parts.map(({ text, apart }) => ({ text, ...apart, way: apart?.way.entry }));
    return { key: planKey(JSON.stringify(told), this.given.overrideLabels), names, formulation, parts };
  }

  private async divide(names: ReadonlySet<string> | undefined): Promise<readonly OperationPart[]> {
    const fields = this.rootFields().filter(({ name }) => names?.has(name) ?? true);
    return this.given.slices.begin(divideOperation(this.operation, fields, this.options));
  }

  /** Plans what was formulated. Codes: those of `Planner`. */
  async plan(planner: Planner, first: FormulatedOperation): Promise<readonly PlannedFetch[]> {
    if (first.formulation === 'cut') return (await this.planFrom(planner, first)) ?? fail(noPlan(this.unsound));
    try {
      return (
        (await this.planFrom(planner, first)) ??
        (await this.planFrom(planner, await this.formulateAs('concrete', first.names))) ??
        fail(noPlan(this.unsound))
      );
    } catch (error) {
      if (!isTooHard(error)) throw error;
      return (await this.planFrom(planner, await this.formulateAs('cut', first.names))) ?? fail(error);
    }
  }

  /** The fetches for one formulation of the operation; undefined when it has no plan. */
  private async planFrom(
    planner: Planner,
    { formulation, names, parts: first }: FormulatedOperation,
  ): Promise<readonly PlannedFetch[] | undefined> {
    this.options = { ...this.options, formulation };
    let parts = first;
    for (let round = 0; ; round++) {
      const texts = new Set(parts.map(({ text }) => text));
      const planOf = new Map([...texts].map((text) => [text, this.planOrFail(planner, text)]));
      const plans = await Promise.all(parts.map(({ text }) => planOf.get(text)));
      const failed = parts.filter((_, index) => plans[index] === undefined);
      if (failed.length === 0) {
        const joined = await this.join(parts, plans as QueryPlan[]);
        if (!(joined instanceof UnsoundPlan)) return joined;
        this.unsound = joined;
      }
      const choices = failed.flatMap((part) => part.choices);
      if (round === maxRounds || !(await this.chooseAgain(planner, choices))) return undefined;
      parts = await this.divide(names);
    }
  }

  private async join(
    parts: readonly OperationPart[],
    plans: readonly QueryPlan[],
  ): Promise<readonly PlannedFetch[] | UnsoundPlan> {
    try {
      return await this.given.slices.begin(joinParts(parts, plans));
    } catch (error) {
      if (error instanceof UnsoundPlan) return error;
      throw error;
    }
  }

  /** Finds out for each field in which way it can be had. False when nothing is chosen otherwise than before. */
  private async chooseAgain(planner: Planner, choices: readonly Choice[]): Promise<boolean> {
    let isChanged = false;
    for (const { place, field, ways } of choices) {
      const current = this.options.choose(place, ways);
      const possible = new Set([current, ...this.open(ways)]);
      for (const way of possible) {
        this.chosen.set(place, way);
        if (possible.size > 1 && !(await this.canBeHad(planner, field, way))) continue;
        isChanged ||= way !== current;
        break;
      }
    }
    return isChanged;
  }

  /** Whether a field can be had in this way; what the way needs may be had otherwise than before. */
  private async canBeHad(planner: Planner, field: ScopeField, way: RequirementWay | undefined): Promise<boolean> {
    for (;;) {
      this.trials += 1;
      if (this.trials > maxTrials) return false;
      const { text, needs } = writeTrial(this.operation, field, way, this.options);
      if (await this.planOrFail(planner, text)) return true;
      if (!needs || !(await this.chooseAgain(planner, finish(collectChoices(needs, new Set(), this.options)))))
        return false;
    }
  }

  /** Without those that progressive overrides close. */
  private open(ways: FieldRequirements): FieldRequirements {
    return ways.filter(
      (way) => !way?.override || this.given.overrideLabels.includes(way.override.label) === way.override.isOn,
    );
  }

  /** The plan, or undefined when there is none. */
  private async planOrFail(planner: Planner, text: string): Promise<QueryPlan | undefined> {
    try {
      const plan = await planner.plan(text, this.given.overrideLabels);
      // Every planned text selects real fields: a plan without fetches means that nothing can resolve them.
      return plan.node ? plan : undefined;
    } catch (error) {
      if (error instanceof ClientError && error.code === 'QUERY_PLAN_FAILED') return undefined;
      throw error;
    }
  }
}

/** Whether a plan was given up because there are too many ways to it. */
function isTooHard(error: unknown): boolean {
  return error instanceof ClientError && (error.code === 'QUERY_PLAN_TOO_LARGE' || error.code === 'QUERY_PLAN_TIMEOUT');
}

function fail(error: unknown): never {
  throw error;
}

/** `cause` names subgraphs and is not for clients. */
function noPlan(cause?: UnsoundPlan): ClientError {
  const options = cause === undefined ? {} : { originalError: cause };
  return new ClientError('QUERY_PLAN_FAILED', 'No query plan answers this operation.', options);
}
