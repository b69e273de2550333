/**
 * What one field adds to the cost of an operation, as parts of a sum: numbers where the document alone decides,
 * functions where variables do. In: a field occurrence and what the supergraph declares.
 * Clock: per document (compiled), per request (the functions).
 */
import {
  type FieldNode,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  Kind,
  type ValueNode,
} from 'graphql';
import { ClientError } from '../errors';
import { type FieldOccurrence, responsePathOf } from '../operation/facts';
import { argumentValue } from './argument-values';
import type { CostDeclarations, ListSize } from './cost-declarations';

/** What variables decide with. */
export interface CostInput {
  /** Coerced. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Of values of variables, which many arguments may share: each is counted once. */
  readonly known: Map<string, number>;
}

/** Functions throw `LIST_SIZE_ARGUMENT_REQUIRED` where slicing arguments are missing or too many. */
export type CostPart = number | ((input: CostInput) => number);

export interface CostSettings {
  readonly declarations: CostDeclarations;
  readonly schema: GraphQLSchema;
  readonly defaultListSize: number;
  /** Whether `requireOneSlicingArgument` refuses. */
  readonly enforces: boolean;
}

export function evaluate(part: CostPart, input: CostInput): number {
  return typeof part === 'number' ? part : part(input);
}

export function sumOf(parts: readonly CostPart[]): CostPart {
  let fixed = 0;
  const open: ((input: CostInput) => number)[] = [];
  for (const part of parts) {
    if (typeof part === 'number') fixed += part;
    else open.push(part);
  }
  if (open.length === 0) return fixed;
  return (input) => {
    let sum = fixed;
    for (const part of open) sum += part(input);
    return sum;
  };
}

export function productOf(count: CostPart, cost: CostPart): CostPart {
  if (typeof count === 'number' && typeof cost === 'number') return count * cost;
  return (input) => evaluate(count, input) * evaluate(cost, input);
}

/** Lists below a field whose length an argument of that field decides. */
export interface SizedLists {
  readonly fields: ReadonlySet<string>;
  readonly size: CostPart;
}

/** What is the same wherever a field is asked. */
interface DeclaredField {
  /** Of one of its values: its own, or that of its type; objects 1, leaves 0. */
  readonly weight: number;
  readonly listSizes: readonly ListSize[];
  readonly isList: boolean;
}

interface WrittenField {
  readonly arguments: CostPart;
  /** What each `@listSize` says, and of which fields below; undefined: nothing. */
  readonly sizes: readonly { readonly fields: ReadonlySet<string>; readonly size: CostPart | undefined }[];
}

interface DeclaredInput {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly weight: number | undefined;
}

/** What a field adds to the cost of an operation, in the way of Apollo's router. One for all operations. */
export class FieldCosts {
  /** By coordinate: an interface may have hundreds of objects to look at. */
  private readonly fields = new Map<string, DeclaredField>();
  /** By name of the input object. */
  private readonly inputs = new Map<string, readonly DeclaredInput[]>();

  constructor(private readonly settings: CostSettings) {}

  declaredOf(occurrence: FieldOccurrence): DeclaredField {
    let declared = this.fields.get(occurrence.coordinate);
    if (!declared) {
      const { parentType, field } = occurrence;
      const { listSizes } = this.settings.declarations;
      declared = {
        weight: this.weightOf(occurrence),
        listSizes: distinct(this.declared(parentType, field.name, (coordinate) => listSizes.get(coordinate))),
        isList: isList(field.type),
      };
      this.fields.set(occurrence.coordinate, declared);
    }
    return declared;
  }

  private weightOf({ parentType, field }: FieldOccurrence): number {
    const own = this.declared(parentType, field.name, (coordinate) => this.weight(coordinate));
    if (own.length > 0) return Math.max(...own);
    const type = getNamedType(field.type);
    const weight = this.weight(type.name) ?? (isCompositeType(type) ? 1 : 0);
    if (!isAbstractType(type)) return weight;
    return Math.max(weight, ...this.settings.schema.getPossibleTypes(type).map(({ name }) => this.weight(name) ?? 1));
  }

  /** Of the field as it is written once, however many fragments lead to it. */
  writtenOf(occurrence: FieldOccurrence): WrittenField {
    const { listSizes } = this.declaredOf(occurrence);
    const sizes = listSizes.map((listSize) => ({
      fields: listSize.sizedFields,
      size: this.listSizeOf(occurrence, listSize),
    }));
    return { arguments: this.argumentsOf(occurrence), sizes };
  }

  private argumentsOf({ field, nodes: [node], parentType }: FieldOccurrence): CostPart {
    return sumOf(
      (node.arguments ?? []).map(({ name, value }) => {
        const argument = field.args.find((candidate) => candidate.name === name.value);
        return argument ? this.valueCost(value, argument, `${parentType.name}.${field.name}(${argument.name}:)`) : 0;
      }),
    );
  }

  /** How many values the field has, and the lists below it that it sizes. */
  sizesOf(
    occurrence: FieldOccurrence,
    { sizes }: WrittenField,
    around: readonly SizedLists[],
  ): { readonly count: CostPart; readonly below: readonly SizedLists[] } {
    const { field } = occurrence;
    const { isList: hasItems } = this.declaredOf(occurrence);
    const below = sizes.flatMap(({ fields, size }) =>
      fields.size > 0 ? [{ fields, size: size ?? this.settings.defaultListSize }] : [],
    );
    if (!hasItems) return { count: 1, below };
    const above = around.filter(({ fields }) => fields.has(field.name)).map(({ size }) => size);
    const own = sizes.flatMap(({ size }) => size ?? []);
    const known = above.length > 0 ? above : own;
    return { count: known.length > 0 ? largestOf(known) : this.settings.defaultListSize, below };
  }

  /** What is declared for a field: on an interface also by its objects, or they could be asked cheaper through it. */
  private declared<T>(
    parentType: FieldOccurrence['parentType'],
    name: string,
    read: (coordinate: string) => T | undefined,
  ): T[] {
    const own = read(`${parentType.name}.${name}`);
    if (own !== undefined || !isInterfaceType(parentType)) return own === undefined ? [] : [own];
    const objects = this.settings.schema.getPossibleTypes(parentType);
    return objects.flatMap((object) => read(`${object.name}.${name}`) ?? []);
  }

  private weight(coordinate: string): number | undefined {
    return this.settings.declarations.weights.get(coordinate);
  }

  private listSizeOf(occurrence: FieldOccurrence, listSize: ListSize): CostPart | undefined {
    const { slicingArguments, assumedSize } = listSize;
    if (slicingArguments.length === 0) return assumedSize;
    const sliced = (input: Pick<CostInput, 'variables'>) => this.slicedSize(occurrence, listSize, input);
    const [node] = occurrence.nodes;
    const written = (node.arguments ?? []).filter(({ name }) => slicingArguments.includes(name.value));
    const isFixed = written.every(({ value }) => value.kind !== Kind.VARIABLE);
    // What is wrong is told where the field is asked.
    return isFixed && !this.misses(occurrence, listSize, {}) ? sliced({ variables: {} }) : sliced;
  }

  private slicedSize(
    occurrence: FieldOccurrence,
    listSize: ListSize,
    { variables }: Pick<CostInput, 'variables'>,
  ): number {
    if (this.misses(occurrence, listSize, variables)) throw tooFewOrMany(occurrence, listSize);
    const { field, nodes } = occurrence;
    const values = listSize.slicingArguments
      .map((name) => argumentValue(field, nodes[0], [name], variables))
      .filter((value) => typeof value === 'number');
    if (values.length > 0) return Math.max(0, ...values);
    return listSize.assumedSize ?? this.settings.defaultListSize;
  }

  /** Whether not exactly one slicing argument is given; defaults count where none is. */
  private misses(
    { field, nodes: [node] }: FieldOccurrence,
    { slicingArguments, requiresOneSlicingArgument }: ListSize,
    variables: CostInput['variables'],
  ): boolean {
    if (!requiresOneSlicingArgument || !this.settings.enforces) return false;
    const given = slicingArguments.filter((name) => isGiven(node, name, variables)).length;
    if (given > 0) return given !== 1;
    const defaults = field.args.filter(
      ({ name, defaultValue }) => slicingArguments.includes(name) && typeof defaultValue === 'number',
    );
    return defaults.length !== 1;
  }

  /** Of an argument, or of a field of an input object: objects 1, leaves 0, each item of a list as much. */
  private valueCost(value: ValueNode, { type }: GraphQLArgument | GraphQLInputField, coordinate: string): CostPart {
    const named = getNamedType(type);
    const weight = this.weight(coordinate) ?? this.weight(named.name);
    if (!isInputObjectType(named) && !weight) return 0;
    return this.writtenCost(value, named, weight);
  }

  private writtenCost(value: ValueNode, type: GraphQLInputType, weight: number | undefined): CostPart {
    switch (value.kind) {
      case Kind.NULL:
        return 0;
      case Kind.VARIABLE: {
        const name = value.name.value;
        const key = `${name} ${'name' in type ? type.name : ''} ${weight}`;
        return ({ variables, known }) => {
          let cost = known.get(key);
          if (cost === undefined) {
            cost = this.givenCost(variables[name], type, weight);
            known.set(key, cost);
          }
          return cost;
        };
      }
      case Kind.LIST:
        return sumOf([weight ?? 0, ...value.values.map((item) => this.writtenCost(item, type, weight))]);
      case Kind.OBJECT: {
        if (!isInputObjectType(type)) return weight ?? 0;
        const fields = type.getFields();
        const inner = value.fields.map((field) => {
          const definition = fields[field.name.value];
          return definition ? this.valueCost(field.value, definition, `${type.name}.${definition.name}`) : 0;
        });
        return sumOf([weight ?? 1, ...inner]);
      }
      default:
        return weight ?? 0;
    }
  }

  /** The same for a coerced value. */
  private givenCost(value: unknown, type: GraphQLInputType, weight: number | undefined): number {
    if (value === null || value === undefined) return 0;
    if (Array.isArray(value)) {
      let cost = weight ?? 0;
      for (const item of value) cost += this.givenCost(item, type, weight);
      return cost;
    }
    if (typeof value !== 'object' || !isInputObjectType(type)) return weight ?? 0;
    let cost = weight ?? 1;
    for (const field of this.inputsOf(type)) {
      // Coerced objects have no keys but those of their type.
      const inner = (value as Readonly<Record<string, unknown>>)[field.name];
      if (inner !== undefined && inner !== null) cost += this.givenCost(inner, field.type, field.weight);
    }
    return cost;
  }

  /** Those that can cost something. */
  private inputsOf(type: GraphQLInputObjectType): readonly DeclaredInput[] {
    let inputs = this.inputs.get(type.name);
    if (!inputs) {
      inputs = Object.values(type.getFields()).flatMap((field) => {
        const named = getNamedType(field.type);
        const weight = this.weight(`${type.name}.${field.name}`) ?? this.weight(named.name);
        return weight || isInputObjectType(named) ? [{ name: field.name, type: named, weight }] : [];
      });
      this.inputs.set(type.name, inputs);
    }
    return inputs;
  }
}

/** Objects of one interface mostly declare the same. */
function distinct(sizes: readonly ListSize[]): readonly ListSize[] {
  const keyOf = (size: ListSize) => JSON.stringify({ ...size, sizedFields: [...size.sizedFields] });
  return [...new Map(sizes.map((size) => [keyOf(size), size])).values()];
}

function largestOf(parts: readonly CostPart[]): CostPart {
  const [first = 0, ...others] = parts;
  if (others.length === 0) return first;
  return (input) => Math.max(...parts.map((part) => evaluate(part, input)));
}

function isGiven(node: FieldNode, name: string, variables: CostInput['variables']): boolean {
  const value = node.arguments?.find((argument) => argument.name.value === name)?.value;
  if (!value || value.kind === Kind.NULL) return false;
  return value.kind !== Kind.VARIABLE || (variables[value.name.value] ?? null) !== null;
}

function tooFewOrMany(occurrence: FieldOccurrence, { slicingArguments }: ListSize): ClientError {
  const names = slicingArguments.map((name) => `"${name}"`).join(', ');
  return new ClientError(
    'LIST_SIZE_ARGUMENT_REQUIRED',
    `${occurrence.coordinate} needs exactly one of the arguments ${names}: it decides how long the list is.`,
    { path: responsePathOf(occurrence) },
  );
}

function isList(type: FieldOccurrence['field']['type']): boolean {
  return isNonNullType(type) ? isList(type.ofType) : isListType(type);
}
