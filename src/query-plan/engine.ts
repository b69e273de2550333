/**
 * The engine of one generation: prepares operations (plan, program, response shape) and executes them.
 * In: a valid operation and checked variables. Out: data and errors for the client.
 * Clock: per document (prepare, cached), per request (execute).
 */

import {
  type ExecutionResult,
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  isNonNullType,
  Kind,
} from 'graphql';
import type { RequestContext } from '../context/request-context';
import { InternalError } from '../errors';
import type { Operation } from '../operation/document';
import type { CheckedVariables } from '../operation/variables';
import type { ExcludedFields, Reason } from '../policy/admission';
import type { SlicedWork, Slices } from '../slices';
import type { CacheState } from '../telemetry/metrics';
import { type Completed, complete } from './complete';
import type { GatheredData } from './data';
import { AnswerParts, type Deferral, divideAnswer } from './deferral';
import { Failures } from './failures';
import { type CompiledFetch, mergeRootAnswer } from './fetch';
import type { PlannedFetch } from './fetch-list';
import { createFieldNameTable, type FieldNameTable, OperationFieldNames } from './field-names';
import { excludeDependents } from './hidden-keys';
import {
  compileIntrospection,
  type Introspected,
  type IntrospectionQuery,
  maxIntrospectedValues,
  textOfSchemaAnswer,
  writeIntrospection,
} from './introspection';
import { omitKnownTypes } from './known-types';
import { OperationPlanner, type Planner, planKey } from './operation-planner';
import { type CompiledPlan, outlineOf, planSteps, type SerialStep } from './plan-steps';
import { PreparedOperations, type PreparedVariant } from './prepared-operations';
import { compileProgram, Run } from './program';
import { SelectionShape } from './response-shape';
import { compileResponseWriter, type WriteObject } from './response-writer';
import { SelectionReader } from './selections';
import type { SubgraphCall, SubgraphResponse } from './subgraph-call';
import type { SupergraphTypes } from './supergraph-types';
import { WorkCache } from './work-cache';

const noLabels: readonly string[] = [];

export interface EngineLimits {
  /** Errors in one response. */
  readonly maxErrors: number;
  /** Compiled plans that are kept, in bytes of memory; and as much of operations with conditions. */
  readonly planCacheMaxBytes: number;
}

export interface EngineOptions {
  /** Told how long a plan took. */
  readonly onPhase?: ((phase: 'plan', seconds: number) => void) | undefined;
  readonly slices: Slices;
  readonly apiSchema: GraphQLSchema;
  readonly types: SupergraphTypes;
  readonly planner: Planner;
  readonly limits: EngineLimits;
}

/** An answer: a clean one may come as the finished text `{"data":{…}}`. */
export type Answer =
  | { readonly kind: 'text'; readonly body: string }
  /** `later`: what comes after it, where it was asked for in parts. */
  | { readonly kind: 'result'; readonly result: ExecutionResult; readonly later?: AnswerParts | undefined };

/** An operation, with its conditions decided, ready to run. */
export interface ExecutableOperation {
  readonly operation: Operation;
  readonly shape: SelectionShape;
  /** Writes clean data as text; absent where that cannot be. */
  readonly write: WriteObject | undefined;
  /** Run one after the other: the root fields of a mutation. */
  readonly steps: readonly SerialStep[];
  readonly introspection: IntrospectionQuery | undefined;
  /** Set where parts of the answer come later. */
  readonly deferral?: Deferral | undefined;
}

/**
 * Measured: a program takes some five times the JSON text of its plan, and more where many fields are asked of one
 * subgraph; a response shape and its writer at most 80 bytes for each character of the planned operation.
 */
const bytesOfPlan = (fetches: readonly PlannedFetch[], text: string) =>
  5 * JSON.stringify(fetches.map(({ node }) => node)).length + 20 * text.length + 1_000;
const bytesOfExecutable = ({ steps }: ExecutableOperation) =>
  steps.reduce((sum, { plan }) => sum + plan.bytes + 80 * plan.textLength, 1_000);

export class Engine {
  private readonly fieldNames: FieldNameTable;
  private readonly plans: WorkCache<CompiledPlan>;
  private readonly prepared: PreparedOperations<ExecutableOperation>;
  private maxIntrospected: Promise<number> | undefined;

  constructor(private readonly options: EngineOptions) {
    this.fieldNames = createFieldNameTable(options.types);
    const maxBytes = options.limits.planCacheMaxBytes;
    this.plans = new WorkCache(maxBytes, ({ bytes }) => bytes);
    this.prepared = new PreparedOperations(maxBytes, bytesOfExecutable);
  }

  /**
   * The executable form of an operation for these values of its condition variables, without what is excluded, with
   * the progressive overrides of these labels.
   * Concurrent calls share the work. Codes: `QUERY_PLAN_FAILED`, `QUERY_PLAN_TIMEOUT`, `QUERY_PLAN_TOO_LARGE`.
   */
  prepare(
    operation: Operation,
    { conditions }: Pick<CheckedVariables, 'conditions'>,
    excluded?: ExcludedFields,
    overrideLabels: readonly string[] = noLabels,
  ): Promise<ExecutableOperation> {
    return this.prepared.get(operation, conditions, planKey(excluded?.key ?? '', overrideLabels), () =>
      this.prepareNow(operation, conditions, excluded, overrideLabels),
    );
  }

  /** The same ahead of requests, for an operation that another generation has used so often. */
  async warm(operation: Operation, conditions: string, uses: number): Promise<void> {
    await this.prepare(operation, { conditions });
    // To be made ready is no use.
    this.prepared.addUses(operation, conditions, uses - 1);
  }

  /** What was prepared and is used most, that first. */
  mostUsed(limit: number): readonly PreparedVariant<ExecutableOperation>[] {
    return this.prepared.mostUsed(limit);
  }

  get planCache(): CacheState {
    return this.plans.state;
  }

  /** Forgets every plan. */
  flush(): void {
    this.plans.flush();
    this.prepared.flush();
  }

  private async prepareNow(
    operation: Operation,
    values: string,
    excluded: ExcludedFields | undefined,
    overrideLabels: readonly string[],
  ): Promise<ExecutableOperation> {
    const { apiSchema, types } = this.options;
    const build = (without?: ExcludedFields) => this.build(operation, values, without, overrideLabels);
    const executable = await build(excluded);
    if (!excluded?.reasonOfKey) return executable;
    return excludeDependents(executable, build, excluded, { schema: apiSchema, types });
  }

  private async build(
    operation: Operation,
    values: string,
    excluded: ExcludedFields | undefined,
    overrideLabels: readonly string[],
  ): Promise<ExecutableOperation> {
    const { apiSchema } = this.options;
    const rootType = apiSchema.getRootType(operation.type);
    if (!rootType) throw new InternalError('a validated operation has no root type');
    const conditions = new Map(operation.conditionVariables.map((name, index) => [name, values[index] === 't']));
    const reader = new SelectionReader(apiSchema, operation.fragments, conditions, excluded);
    const names = new OperationFieldNames(this.fieldNames, operation.type === 'mutation' ? rootType.name : undefined);
    const shapeOf = (nodes: readonly FieldNode[]): SelectionShape =>
      new SelectionShape(rootType, [{ set: { kind: Kind.SELECTION_SET, selections: nodes }, type: rootType }], {
        reader,
        names,
      });
    const sets = [{ set: operation.node.selectionSet, type: rootType }];
    const shape = new SelectionShape(rootType, sets, { reader, names });
    const fatal = excluded && findFatal(operation, reader, rootType);
    // The whole answer is null, whatever subgraphs say: they are not asked.
    if (fatal) {
      return { operation, shape: shapeOf(fatal), write: undefined, steps: [], introspection: undefined };
    }
    const steps = await planSteps(this.readOperation(operation, reader, names, overrideLabels), {
      plan: (planner, rootFields) => this.plan(planner, rootFields),
      shapeOf,
    });
    const introspection = compileIntrospection(operation, reader, rootType);
    // An error is in every answer that meets an excluded field: that comes in one piece, and never as text.
    if (excluded) return { operation, shape, write: undefined, steps, introspection };
    const mayDefer = operation.defers && !introspection;
    const parts = mayDefer ? divideAnswer(operation, rootType, steps, { reader, names }) : undefined;
    if (parts) return { operation, ...parts, write: undefined, steps, introspection };
    const write = await this.options.slices.begin(compileResponseWriter(shape));
    return { operation, shape, write, steps, introspection };
  }

  /** For planning, an operation is read in the whole schema: what it requires, clients may not see. */
  private readOperation(
    operation: Operation,
    reader: SelectionReader,
    names: OperationFieldNames,
    overrideLabels: readonly string[],
  ): OperationPlanner {
    const { types, slices } = this.options;
    const rootType = types.schema.getRootType(operation.type);
    if (!rootType) throw new InternalError('the supergraph has no root type for an operation of its API schema');
    const options = { reader: reader.over(types.schema), names, types, overrideLabels, slices };
    return new OperationPlanner(operation, rootType, options);
  }

  /** Equal operations share a plan: formatting, comments, aliases and unused fragments do not matter. */
  private async plan(operation: OperationPlanner, rootFields?: ReadonlySet<string>): Promise<CompiledPlan> {
    const { defers } = operation;
    const formulated = await operation.formulate(rootFields);
    // One that may be answered in parts keeps more.
    const key = defers ? `@defer ${formulated.key}` : formulated.key;
    return this.plans.get(key, async () => {
      const startedAt = performance.now();
      const fetches = await operation.plan(this.options.planner, formulated);
      this.options.onPhase?.('plan', (performance.now() - startedAt) / 1_000);
      return this.options.slices.begin(this.compilePlan(fetches, key, defers));
    });
  }

  private *compilePlan(fetches: readonly PlannedFetch[], key: string, defers: boolean): SlicedWork<CompiledPlan> {
    omitKnownTypes(fetches, this.options.types.schema);
    yield;
    const program = yield* compileProgram(fetches, this.options.types);
    return {
      ...program,
      outline: outlineOf(fetches),
      isSingleFetch: fetches.length === 1,
      fetches: defers ? fetches : undefined,
      entityFetches: fetches.map(({ node }) => node).filter(({ requires }) => requires),
      bytes: bytesOfPlan(fetches, key),
      textLength: key.length,
    };
  }

  /**
   * Runs an operation. Rejects only for defects of the gateway: what subgraphs do wrong is in the answer.
   * `reasons`: of what was excluded when it was prepared.
   */
  async execute(
    executable: ExecutableOperation,
    variables: CheckedVariables,
    context: RequestContext,
    call: SubgraphCall,
    reasons: readonly Reason[] = noReasons,
  ): Promise<Completed> {
    const introspected = executable.introspection && (await this.introspect(executable.introspection, variables));
    const gathered = await this.gather(executable, variables, context, call, reasons);
    return this.complete(executable, gathered, introspected, reasons, context);
  }

  /**
   * The same, with a clean answer as the JSON text of its data. Of a subscription, the answer to one event: `event` is
   * what the subgraph sent for its primary fetch.
   */
  async executeToText(
    executable: ExecutableOperation,
    variables: CheckedVariables,
    context: RequestContext,
    call: SubgraphCall,
    reasons: readonly Reason[] = noReasons,
    event?: SubgraphResponse,
  ): Promise<string | Completed> {
    const introspected = executable.introspection && (await this.introspect(executable.introspection, variables));
    if (introspected && executable.steps.length === 0) {
      const text = textOfSchemaAnswer(executable.shape, introspected);
      if (text !== undefined) return text;
    }
    const gathered = await this.gather(executable, variables, context, call, reasons, event);
    const text = gathered.failures.isEmpty ? executable.write?.(gathered.data) : undefined;
    return text ?? this.complete(executable, gathered, introspected, reasons, context);
  }

  /** Begins an answer whose parts come one after the other, of an operation with a `deferral`. */
  executeInParts(
    { shape, steps, deferral }: ExecutableOperation,
    variables: CheckedVariables,
    context: RequestContext,
    call: SubgraphCall,
  ): AnswerParts {
    const [step] = steps;
    if (!step || !deferral) throw new InternalError('an answer in parts needs a deferral');
    const data: GatheredData = { root: {}, isPlain: false, shared: new Set() };
    const failures = new Failures();
    const done = step.plan.start(new Run(data, failures, variables.raw, context, call));
    const { maxErrors } = this.options.limits;
    const nothing = { introspection: new Map(), reasons: noReasons };
    const { asked } = step.plan;
    return new AnswerParts(done, deferral, { shape, data: data.root, failures, maxErrors, asked, ...nothing });
  }

  /** Before anything is asked of subgraphs: what asks too much of the schema changes nothing there. */
  private async introspect(query: IntrospectionQuery, { coerced }: CheckedVariables): Promise<Introspected> {
    const { apiSchema } = this.options;
    this.maxIntrospected ??= this.options.slices.run(maxIntrospectedValues(apiSchema));
    return this.options.slices.run(writeIntrospection(query, apiSchema, coerced, await this.maxIntrospected));
  }

  private async gather(
    { steps }: ExecutableOperation,
    variables: CheckedVariables,
    context: RequestContext,
    call: SubgraphCall,
    reasons: readonly Reason[],
    event?: SubgraphResponse,
  ): Promise<Gathered> {
    const { types } = this.options;
    const data: GatheredData = { root: {}, isPlain: event === undefined || event.isPlain === true, shared: new Set() };
    const failures = new Failures();
    for (const step of steps) {
      // What a later mutation changes may not be answered from before it.
      const run = new Run(data, failures, variables.raw, context, call);
      if (step.plan.primary && event) mergeRootAnswer(step.plan.primary, run, data.root, event, types);
      await step.plan.step(run);
      if (!step.required) continue;
      const trial = complete({
        shape: step.required,
        data: data.root,
        failures,
        introspection: new Map(),
        reasons,
        maxErrors: 1,
      });
      if (trial.data === null) break;
    }
    return { data, failures };
  }

  private complete(
    { shape, steps }: ExecutableOperation,
    { data, failures }: Gathered,
    introspected: Introspected | undefined,
    reasons: readonly Reason[],
    { trail }: RequestContext,
  ): Completed {
    const { maxErrors } = this.options.limits;
    const introspection = new Map<string, unknown>();
    for (const [name, text] of introspected?.texts ?? []) introspection.set(name, JSON.parse(text));
    const asked = steps.flatMap(({ plan }) => plan.asked);
    const completed = complete({ shape, data: data.root, failures, introspection, reasons, maxErrors, trail, asked });
    if (!introspected || introspected.errors.length === 0) return completed;
    const errors = [...completed.errors, ...introspected.errors].slice(0, maxErrors);
    return { data: introspected.texts ? completed.data : null, errors };
  }
}

const noReasons: readonly Reason[] = [];

/** What a subscription asks of the subgraph that sends its events; undefined when nothing of it may run. */
export function primaryFetchOf({ steps: [step] }: ExecutableOperation): CompiledFetch | undefined {
  return step?.plan.primary;
}

/** What the subgraphs answered. */
interface Gathered {
  readonly data: GatheredData;
  readonly failures: Failures;
}

/** The nodes of all excluded root fields, when the null of one of them is that of the whole answer. */
function findFatal(
  operation: Operation,
  reader: SelectionReader,
  rootType: GraphQLObjectType,
): readonly FieldNode[] | undefined {
  const excluded = reader
    .collectNodes(operation.node.selectionSet, rootType)
    .filter((nodes) => reader.reasonOf(rootType, nodes) !== undefined);
  const isFatal = ([node]: readonly FieldNode[]): boolean => {
    const name = node?.name.value ?? '';
    return name === '__schema' || isNonNullType(rootType.getFields()[name]?.type);
  };
  return excluded.some(isFatal) ? excluded.flat() : undefined;
}
