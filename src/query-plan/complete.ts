/**
 * Data of subgraphs -> the response, exactly by the specification (6.4.3, 6.4.4): fields in the client's order and
 * names, leaves coerced to their types, nulls propagated, one error for each null that is not the subgraph's wish.
 * Clock: per request.
 */
import {
  GraphQLError,
  GraphQLID,
  type GraphQLLeafType,
  GraphQLString,
  isEnumType,
  isSpecifiedScalarType,
} from 'graphql';
import { type ErrorCode, InternalError } from '../errors';
import type { Reason } from '../policy/admission';
import type { Trail } from '../telemetry/trail';
import { type AskedFields, answererOf } from './answerers';
import type { DataPath, Failure, Failures, PlacedFailure } from './failures';
import type { DeferredShape, FieldShape, SelectionShape, ValueShape } from './response-shape';

export type ResponseObject = Record<string, unknown>;

export interface CompletionInput {
  readonly shape: SelectionShape;
  readonly data: Record<string, unknown>;
  readonly failures: Failures;
  /** By all fetches: who answered a value of a wrong type. */
  readonly asked?: readonly AskedFields[] | undefined;
  /** Values of `__schema` and `__type`, by response name. */
  readonly introspection: ReadonlyMap<string, unknown>;
  /** Why fields are excluded, by index. */
  readonly reasons: readonly Reason[];
  /** Errors after this many are counted as nulls only. */
  readonly maxErrors: number;
  /** Told of nulls that no failure explains. */
  readonly trail?: Trail | undefined;
  /** Where in the answer the data stands: at its root by default. */
  readonly path?: DataPath | undefined;
  /** The same in travelling names, without indexes. */
  readonly travelled?: readonly string[] | undefined;
  /** Takes what objects of the answer answer later. */
  readonly later?: DeferredObject[] | undefined;
}

/** An object of an answer of which a part comes later. */
export interface DeferredObject {
  readonly deferred: DeferredShape;
  readonly source: Record<string, unknown>;
  readonly path: DataPath;
  readonly travelled: readonly string[];
}

export interface Completed {
  readonly data: ResponseObject | null;
  readonly errors: readonly GraphQLError[];
}

/** Builds the response. Never throws for data that a subgraph sent, however wrong. */
export function complete(input: CompletionInput): Completed {
  const completion = new Completion(input);
  const data = completion.completeRoot();
  return { data: data ?? null, errors: completion.errors };
}

/** Failures whose paths begin at a value: how deep in the response that is, and what is selected on it. */
interface Causes {
  readonly placed: readonly PlacedFailure[];
  readonly depth: number;
  readonly selection: SelectionShape | undefined;
  /** Whether all of them were told where they happened: then nothing that is missing here adds to it. */
  isTold: boolean;
}

type Value = NonNullable<unknown> | null;
type CompletedField = Extract<FieldShape, { kind: 'field' }>;

/** In this class `undefined` means: null, and an error says why. */
class Completion {
  readonly errors: GraphQLError[] = [];
  private readonly path: (string | number)[];
  /** The same in travelling names, without indexes. */
  private readonly travelled: string[];
  private readonly reported = new Set<string>();
  /** Failures of which it is told where they happened, and what is missing because of those of which it may not be. */
  private readonly told = new Set<Failure>();
  private readonly consequences = new Map<Failure, DataPath[]>();
  /** Why something may be missing below the values that are being completed, the innermost last. */
  private readonly causes: Causes[] = [];

  constructor(private readonly input: CompletionInput) {
    this.path = [...(input.path ?? [])];
    this.travelled = [...(input.travelled ?? [])];
  }

  completeRoot(): ResponseObject | undefined {
    const { shape, data, failures } = this.input;
    const completed = this.completeObject(shape, data);
    for (const [failure, paths] of this.consequences) {
      if (!this.told.has(failure)) for (const path of paths) this.report(failure, path);
    }
    for (const failure of failures.unplaced) this.report(failure, undefined);
    return completed;
  }

  private completeObject(selection: SelectionShape, source: Record<string, unknown>): ResponseObject | undefined {
    const before = this.input.later?.length ?? 0;
    const completed = this.completeFields(selection, source);
    if (!completed) this.dropLater(before);
    return completed;
  }

  /** Nothing comes later of what is null. */
  private dropLater(length: number): void {
    if (this.input.later) this.input.later.length = length;
  }

  private completeFields(selection: SelectionShape, source: Record<string, unknown>): ResponseObject | undefined {
    const typeName = source.__typename;
    const fields = selection.fieldsOf(typeName);
    if (!fields) {
      this.fail(`A value of type "${selection.type.name}" is of a type that cannot stand here.`);
      return undefined;
    }
    if (this.input.failures.notes.size > 0) this.reportNotes(selection, source);
    const { path, travelled } = this;
    this.input.later?.push(
      ...selection.deferredOf(fields).map((deferred) => ({
        deferred,
        source,
        path: [...path],
        travelled: [...travelled],
      })),
    );
    // An object without a prototype takes any name, but is slow: only `__proto__` needs it.
    const result: ResponseObject = fields.some(isPrototypeName) ? Object.create(null) : {};
    for (const field of fields) {
      if (field.kind === 'typename') {
        result[field.responseName] = selection.typeNameOf(typeName);
      } else if (field.kind === 'introspection') {
        result[field.responseName] = this.input.introspection.get(field.responseName) ?? null;
      } else if (field.kind === 'excluded') {
        this.reportExcluded(field);
        if (field.isRequired) return undefined;
        result[field.responseName] = null;
      } else {
        const { travellingName } = field;
        this.path.push(field.responseName);
        this.travelled.push(travellingName);
        const value = this.completeValue(field, field.value, source[travellingName], source, travellingName, selection);
        this.path.pop();
        this.travelled.pop();
        if (value === undefined) return undefined;
        // Of which type the object is, nobody told; that the subgraph emptied it tells that this field is required there.
        if (value === null && field.isRequiredOfSome && this.input.failures.emptied.has(source)) return undefined;
        result[field.responseName] = value;
      }
    }
    return result;
  }

  private reportExcluded({ reason, responseName }: Extract<FieldShape, { kind: 'excluded' }>): void {
    const told = this.input.reasons[reason];
    if (!told) throw new InternalError('a field is excluded without a reason');
    this.report(told, [...this.path, responseName]);
  }

  private completeValue(
    field: CompletedField,
    shape: ValueShape,
    value: unknown,
    container: object,
    key: string | number,
    owner: SelectionShape,
  ): Value | undefined {
    const completed = this.completeNullable(field, shape, value, container, key, owner);
    if (!shape.isRequired) return completed ?? null;
    if (completed !== null) return completed;
    this.fail(`Cannot return null for non-nullable field ${field.coordinate}.`);
    return undefined;
  }

  private completeNullable(
    field: CompletedField,
    shape: ValueShape,
    value: unknown,
    container: object,
    key: string | number,
    owner: SelectionShape,
  ): Value | undefined {
    if (value === null || value === undefined) {
      if (this.reportFailures(field, value, container, key, owner)) return undefined;
      this.input.trail?.metNull(container, key, this.path);
      return null;
    }
    if (shape.kind === 'leaf') return this.completeLeaf(field, shape.type, value);
    const { failures } = this.input;
    if (failures.isEmpty || typeof value !== 'object') return this.completeBelow(field, shape, value, owner);
    failures.moveBelow(container, key, value);
    const placed = failures.causesIn(value);
    if (placed.length === 0) return this.completeBelow(field, shape, value, owner);
    this.causes.push({ placed, depth: this.path.length, selection: field.selection, isTold: false });
    const completed = this.completeBelow(field, shape, value, owner);
    this.causes.pop();
    return completed;
  }

  private completeBelow(
    field: CompletedField,
    shape: Exclude<ValueShape, { kind: 'leaf' }>,
    value: NonNullable<unknown>,
    owner: SelectionShape,
  ): Value | undefined {
    if (shape.kind === 'list') return this.completeList(field, shape.item, value, owner);
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.fail(`Expected an object for field ${field.coordinate}.`);
      return undefined;
    }
    return this.completeObject(shape.selection, value as Record<string, unknown>);
  }

  private completeList(
    field: CompletedField,
    item: ValueShape,
    value: unknown,
    owner: SelectionShape,
  ): Value | undefined {
    if (!Array.isArray(value)) {
      this.fail(`Expected a list for field ${field.coordinate}.`);
      return undefined;
    }
    const result: Value[] = [];
    const before = this.input.later?.length ?? 0;
    for (let index = 0; index < value.length; index++) {
      this.path.push(index);
      const completed = this.completeValue(field, item, value[index], value, index, owner);
      this.path.pop();
      if (completed === undefined) {
        this.dropLater(before);
        return undefined;
      }
      result.push(completed);
    }
    return result;
  }

  private completeLeaf(field: CompletedField, type: GraphQLLeafType, value: NonNullable<unknown>): Value | undefined {
    if (typeof value === 'string' && (type === GraphQLString || type === GraphQLID)) return value;
    if (isEnumType(type)) {
      // Values that are not of the API schema (`@inaccessible`, or unknown to it) may not leave, nor be named.
      if (typeof value === 'string' && type.getValue(value)) return value;
      this.fail(`Enum "${type.name}" cannot represent the value of field ${field.coordinate}.`);
      return undefined;
    }
    if (!isSpecifiedScalarType(type)) return value;
    try {
      return type.serialize(value) as Value;
    } catch {
      this.fail(`${type.name} cannot represent the value of field ${field.coordinate}.`);
      return undefined;
    }
  }

  /** Reports why a value is missing, if a failure left it so. */
  private reportFailures(
    field: CompletedField,
    value: null | undefined,
    container: object,
    key: string | number,
    owner: SelectionShape,
  ): boolean {
    const placed = this.input.failures.explain(container, key, value);
    const isUnanswered = value === undefined && (!placed || placed.every(({ failure }) => failure.isOfUnanswered));
    if (isUnanswered && this.reportCauses()) return true;
    if (!placed) return false;
    const parentPath = this.path.slice(0, -1);
    for (const { failure, path, isConsequence } of placed) {
      if (isConsequence) {
        this.addConsequence(failure);
        continue;
      }
      this.told.add(failure);
      const [first, ...rest] = path;
      const elsewhere = first === key ? [] : clientPath(owner, path);
      // Where it happened, or here if the client did not ask for that.
      const tail =
        elsewhere.length > 0
          ? elsewhere
          : [...this.path.slice(-1), ...clientPath(field.selection, first === key ? rest : [])];
      this.report(failure, [...parentPath, ...tail]);
    }
    return true;
  }

  /** Reports why something may be missing here though nobody said so; false when nothing is known. */
  private reportCauses(): boolean {
    const causes = this.causes.at(-1);
    if (!causes) return false;
    // Of many values that are missing for one reason, each would tell the same.
    if (causes.isTold) return true;
    causes.isTold = true;
    for (const { failure, path, isConsequence } of causes.placed) {
      if (isConsequence) {
        causes.isTold = false;
        this.addConsequence(failure);
        continue;
      }
      this.told.add(failure);
      // Where it happened, or here if the client did not ask for that.
      const below = clientPath(causes.selection, path);
      const isAsked = below.some((key) => typeof key === 'string');
      if (!isAsked) causes.isTold = false;
      this.report(failure, isAsked ? [...this.path.slice(0, causes.depth), ...below] : [...this.path]);
    }
    return true;
  }

  /** Reports what happened below an object and left no null there. */
  private reportNotes(selection: SelectionShape, source: object): void {
    for (const { failure, path } of this.input.failures.notes.get(source) ?? []) {
      this.report(failure, [...this.path, ...clientPath(selection, path)]);
    }
  }

  private addConsequence(failure: Failure): void {
    const paths = this.consequences.get(failure) ?? [];
    this.consequences.set(failure, paths);
    if (paths.length < this.input.maxErrors) paths.push([...this.path]);
  }

  private report(failure: Failure, path: DataPath | undefined): void {
    if (this.errors.length >= this.input.maxErrors) return;
    const identity = JSON.stringify([failure.message, path]);
    if (this.reported.has(identity)) return;
    this.reported.add(identity);
    this.errors.push(createError(failure.message, path, failure.extensions));
  }

  private fail(message: string): void {
    if (this.errors.length >= this.input.maxErrors) return;
    const code: ErrorCode = 'INVALID_SUBGRAPH_DATA';
    const serviceName = answererOf(this.input.asked ?? [], this.travelled);
    const extensions = { code, ...(serviceName !== undefined && { serviceName }) };
    this.errors.push(createError(message, [...this.path], extensions));
  }
}

/** Without a stack: it would tell of this place alone, and cost more than the rest of an answer full of errors. */
function createError(message: string, path: DataPath | undefined, extensions: Failure['extensions']): GraphQLError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new GraphQLError(message, { path, extensions });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function isPrototypeName(field: FieldShape): boolean {
  return field.responseName === '__proto__';
}

/** A path of travelling names, in the client's names; it ends where the client asked nothing. */
function clientPath(selection: SelectionShape | undefined, path: DataPath): DataPath {
  const result: (string | number)[] = [];
  let current = selection;
  for (const key of path) {
    if (typeof key === 'number') {
      result.push(key);
      continue;
    }
    const field = current?.findField(key);
    if (!field) break;
    result.push(field.responseName);
    current = field.selection;
  }
  return result;
}
