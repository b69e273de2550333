/**
 * The engine of one generation: prepares operations (plan, program, response shape) and executes them.
 * In: a valid operation and checked variables. Out: data and errors for the client.
 * Clock: per document (prepare, cached), per request (execute).
 */

import type { QueryPlan } from '@apollo/query-planner';
import {
  type ExecutionResult,
  type FieldNode,
  type GraphQLError,
  type GraphQLObjectType,
  type GraphQLSchema,
  isNonNullType,
  Kind,
} from 'graphql';
import type { RequestContext } from '../context/request-context';
import { ClientError, InternalError } from '../errors';
import type { Operation } from '../operation/document';
import type { CheckedVariables } from '../operation/variables';
import { type Completed, complete } from './complete';
import type { DataObject } from './data';
import { EntityLoader } from './entity-loader';
import { Failures } from './failures';
import { createFieldNameTable, type FieldNameTable, OperationFieldNames } from './field-names';
import { answerIntrospection, type IntrospectionQuery } from './introspection';
import { divideOperation, divideWholly, type OperationPart } from './operation-parts';
import { findPlanDefect } from './plan-check';
import { buildRootFields, type PlanningRootField, writeOperation } from './planning-operation';
import { PreparedOperations, type PreparedVariant } from './prepared-operations';
import { compileProgram, type Run, type Step } from './program';
import { SelectionShape } from './response-shape';
import { compileResponseWriter, type WriteObject } from './response-writer';
import { SelectionReader } from './selections';
import type { SubgraphCall } from './subgraph-call';
import type { SupergraphTypes } from './supergraph-types';
import { WorkCache } from './work-cache';

/** Plans an operation of the API schema. Rejects with `ClientError`: `QUERY_PLAN_FAILED`, `_TIMEOUT`, `_TOO_LARGE`. */
export interface Planner {
  plan(document: string): Promise<QueryPlan>;
}

export interface EngineLimits {
  /** Errors in one response. */
  readonly maxErrors: number;
  /** Compiled plans that are kept, in bytes of memory; and as much of operations with conditions. */
  readonly planCacheMaxBytes: number;
}

export interface EngineOptions {
  readonly apiSchema: GraphQLSchema;
  readonly types: SupergraphTypes;
  readonly planner: Planner;
  readonly limits: EngineLimits;
}

/** An answer: a clean one may come as the finished text `{"data":{…}}`. */
export type Answer =
  | { readonly kind: 'text'; readonly body: string }
  | { readonly kind: 'result'; readonly result: ExecutionResult };

/** An operation, with its conditions decided, ready to run. */
export interface ExecutableOperation {
  readonly operation: Operation;
  readonly shape: SelectionShape;
  /** Writes clean data as text; absent where that cannot be. */
  readonly write: WriteObject | undefined;
  /** Run one after the other: root fields of a mutation, or parts of a query that must not be planned together. */
  readonly steps: readonly SerialStep[];
  readonly introspection: IntrospectionQuery | undefined;
}

interface SerialStep {
  readonly plan: CompiledPlan;
  /** For mutations: the root field, when its null would end the operation. */
  readonly required: SelectionShape | undefined;
}

interface CompiledPlan {
  readonly step: Step;
  readonly isSingleFetch: boolean;
  /** What keeping it costs. */
  readonly bytes: number;
  /** Characters of the operation that was planned. */
  readonly textLength: number;
}

/**
 * Measured: a program takes some five times the JSON text of its plan, and more where many fields are asked of one
 * subgraph; a response shape and its writer at most 80 bytes for each character of the planned operation.
 */
const bytesOfPlan = (plan: QueryPlan, text: string) => 5 * JSON.stringify(plan).length + 20 * text.length + 1_000;
const bytesOfExecutable = ({ steps }: ExecutableOperation) =>
  steps.reduce((sum, { plan }) => sum + plan.bytes + 80 * plan.textLength, 1_000);

export class Engine {
  private readonly fieldNames: FieldNameTable;
  private readonly plans: WorkCache<CompiledPlan>;
  private readonly prepared: PreparedOperations<ExecutableOperation>;

  constructor(private readonly options: EngineOptions) {
    this.fieldNames = createFieldNameTable(options.apiSchema, options.types);
    const maxBytes = options.limits.planCacheMaxBytes;
    this.plans = new WorkCache(maxBytes, ({ bytes }) => bytes);
    this.prepared = new PreparedOperations(maxBytes, bytesOfExecutable);
  }

  /**
   * The executable form of an operation for these values of its condition variables. Concurrent calls share the work.
   * Codes: `QUERY_PLAN_FAILED`, `QUERY_PLAN_TIMEOUT`, `QUERY_PLAN_TOO_LARGE`.
   */
  prepare(operation: Operation, { conditions }: Pick<CheckedVariables, 'conditions'>): Promise<ExecutableOperation> {
    return this.prepared.get(operation, conditions, () => this.prepareNow(operation, conditions));
  }

  /** The same ahead of requests, for an operation that another generation has used so often. */
  async warm(operation: Operation, conditions: string, uses: number): Promise<void> {
    await this.prepare(operation, { conditions });
    this.prepared.addUses(operation, conditions, uses);
  }

  /** What was prepared and is used most, that first. */
  mostUsed(limit: number): readonly PreparedVariant<ExecutableOperation>[] {
    return this.prepared.mostUsed(limit);
  }

  private async prepareNow(operation: Operation, values: string): Promise<ExecutableOperation> {
    const { apiSchema, types } = this.options;
    const rootType = apiSchema.getRootType(operation.type);
    if (!rootType) throw new InternalError('a validated operation has no root type');
    const conditions = new Map(operation.conditionVariables.map((name, index) => [name, values[index] === 't']));
    const reader = new SelectionReader(apiSchema, operation.fragments, conditions);
    const names = new OperationFieldNames(this.fieldNames, operation.type === 'mutation' ? rootType : undefined);
    const sets = [{ set: operation.node.selectionSet, type: rootType }];
    const planning = { reader, names, ...types };
    const build = (part?: OperationPart) => buildRootFields(operation, rootType, planning, part);
    const shapeOf = (nodes: readonly FieldNode[]): SelectionShape =>
      new SelectionShape(rootType, [{ set: { kind: Kind.SELECTION_SET, selections: nodes }, type: rootType }], {
        reader,
        names,
      });
    const shape = new SelectionShape(rootType, sets, { reader, names });
    return {
      operation,
      shape,
      write: compileResponseWriter(shape),
      steps: await this.planSteps(operation, build, shapeOf),
      introspection: findIntrospection(operation, reader, rootType),
    };
  }

  private async planSteps(
    operation: Operation,
    build: (part?: OperationPart) => readonly PlanningRootField[],
    shapeOf: (nodes: readonly FieldNode[]) => SelectionShape,
  ): Promise<SerialStep[]> {
    const rootFields = build();
    if (rootFields.length === 0) return [];
    const used = rootFields.flatMap((field) => [...field.used]);
    const parts = divideOperation(used, this.options.types.argumentRequirements);
    const planParts = async (some: readonly OperationPart[]): Promise<SerialStep[]> => {
      // To plan a mutation in parts would be to run it as often.
      if (operation.type === 'mutation') throw noPlan();
      const plans = await Promise.all(some.map((part) => this.plan(writeOperation(operation, build(part)))));
      return plans.map((plan) => ({ plan, required: undefined }));
    };
    if (parts.length > 1) return planParts(parts);
    const whole = await this.plan(writeOperation(operation, rootFields)).catch((error: unknown) => error);
    if (!isPlan(whole)) {
      const isPlannerFault = whole instanceof ClientError && whole.code === 'QUERY_PLAN_FAILED';
      if (!isPlannerFault || operation.type === 'mutation' || used.length < 2) throw whole;
      return planParts(divideWholly(used));
    }
    // Mutations run one after the other with all that follows from each, unless one subgraph does all at once.
    if (operation.type !== 'mutation' || rootFields.length === 1 || whole.isSingleFetch) {
      return [{ plan: whole, required: undefined }];
    }
    return Promise.all(
      rootFields.map(async (field) => ({
        plan: await this.plan(writeOperation(operation, [field])),
        required: isNonNullType(field.type) ? shapeOf(field.nodes) : undefined,
      })),
    );
  }

  private plan(text: string): Promise<CompiledPlan> {
    return this.plans.get(text, () => this.planNow(text));
  }

  private async planNow(text: string): Promise<CompiledPlan> {
    const { planner, types } = this.options;
    const plan = await planner.plan(text);
    // Every planned operation selects real fields: a plan without fetches means that nothing can resolve them.
    if (!plan.node) throw noPlan();
    const defect = findPlanDefect(plan, types);
    if (defect) throw noPlan(defect);
    return {
      step: compileProgram(plan, types),
      isSingleFetch: plan.node.kind === 'Fetch',
      bytes: bytesOfPlan(plan, text),
      textLength: text.length,
    };
  }

  /** Runs an operation. Rejects only for defects of the gateway: what subgraphs do wrong is in the answer. */
  async execute(
    executable: ExecutableOperation,
    variables: CheckedVariables,
    context: RequestContext,
    call: SubgraphCall,
  ): Promise<Completed> {
    const gathered = await this.gather(executable, variables, context, call);
    return this.complete(executable, variables, gathered);
  }

  /** The same, with a clean answer as the JSON text of its data. */
  async executeToText(
    executable: ExecutableOperation,
    variables: CheckedVariables,
    context: RequestContext,
    call: SubgraphCall,
  ): Promise<string | Completed> {
    const gathered = await this.gather(executable, variables, context, call);
    const text = gathered.failures.isEmpty ? executable.write?.(gathered.data) : undefined;
    return text ?? this.complete(executable, variables, gathered);
  }

  private async gather(
    { steps }: ExecutableOperation,
    variables: CheckedVariables,
    context: RequestContext,
    call: SubgraphCall,
  ): Promise<Gathered> {
    const data: DataObject = {};
    const failures = new Failures();
    const sender = { variables: variables.raw, context, call };
    for (const step of steps) {
      // What a later mutation changes may not be answered from before it.
      const run: Run = { root: data, failures, ...sender, entities: new EntityLoader(sender) };
      await step.plan.step(run);
      if (!step.required) continue;
      const trial = complete({ shape: step.required, data, failures, introspection: {}, maxErrors: 1 });
      if (trial.data === null) break;
    }
    return { data, failures };
  }

  private complete(
    { shape, introspection }: ExecutableOperation,
    variables: CheckedVariables,
    { data, failures }: Gathered,
  ): Completed {
    const { apiSchema, limits } = this.options;
    const introspected = introspection && answerIntrospection(introspection, apiSchema, variables.raw);
    const completed = complete({
      shape,
      data,
      failures,
      introspection: introspected?.data ?? {},
      maxErrors: limits.maxErrors,
    });
    const errors: readonly GraphQLError[] = introspected?.errors ?? [];
    return errors.length === 0 ? completed : { data: completed.data, errors: [...completed.errors, ...errors] };
  }
}

/** `defect`: what is wrong with the plan that there is; it names subgraphs and is not for clients. */
function noPlan(defect?: string): ClientError {
  const options = defect === undefined ? {} : { originalError: new Error(defect) };
  return new ClientError('QUERY_PLAN_FAILED', 'No query plan answers this operation.', options);
}

function isPlan(value: unknown): value is CompiledPlan {
  return typeof value === 'object' && value !== null && 'step' in value;
}

/** What the subgraphs answered. */
interface Gathered {
  readonly data: DataObject;
  readonly failures: Failures;
}

function findIntrospection(
  operation: Operation,
  reader: SelectionReader,
  rootType: GraphQLObjectType,
): IntrospectionQuery | undefined {
  const fields = reader.collectFields([{ set: operation.node.selectionSet, type: rootType }], rootType);
  const nodes = fields
    .flatMap((field) => field.nodes.map(({ node }) => node))
    .filter((node) => node.name.value === '__schema' || node.name.value === '__type');
  return nodes.length === 0 ? undefined : { operation: operation.node, nodes, fragments: operation.fragments };
}
