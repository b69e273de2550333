/**
 * `__schema` and `__type`, answered from the API schema as graphql-js would, but in slices and as JSON text: schemas of
 * thousands of types take a second. The resolvers are those of graphql-js. In: the client's selections. Out: texts by
 * response name. Clock: per document (compile), per request (write).
 */
import {
  GraphQLError,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
} from 'graphql';
import { ClientError, InternalError } from '../errors';
import type { Operation } from '../operation/document';
import type { SlicedWork } from '../slices';
import type { SelectionShape } from './response-shape';
import type { CollectedField, SelectionReader } from './selections';

/** The introspection fields of one operation, ready to be answered. */
export type IntrospectionQuery = readonly IntrospectionField[];

interface IntrospectionField {
  readonly responseName: string;
  /** `"name":`. */
  readonly key: string;
  readonly node: CollectedField['nodes'][number]['node'];
  /** Absent for `__typename`: its text is known. */
  readonly field: GraphQLField<unknown, unknown> | undefined;
  readonly typeName: string;
  /** What is selected below, when the field's type is an object. */
  readonly inner: IntrospectionQuery | undefined;
}

export interface Introspected {
  /** JSON texts by response name; undefined when an error made all of the data null. */
  readonly texts: ReadonlyMap<string, string> | undefined;
  readonly errors: readonly GraphQLError[];
}

/** The answer to an operation that asks the schema alone; undefined when there are errors to tell. */
export function textOfSchemaAnswer(shape: SelectionShape, { texts, errors }: Introspected): string | undefined {
  const shapes = shape.fieldsOf(undefined) ?? [];
  if (!texts || errors.length > 0 || shapes.some(({ kind }) => kind === 'excluded')) return undefined;
  const fields = shapes.map(({ kind, responseName }) => {
    const value = kind === 'typename' ? JSON.stringify(shape.typeNameOf(undefined)) : texts.get(responseName);
    return `${JSON.stringify(responseName)}:${value}`;
  });
  return `{${fields.join(',')}}`;
}

/** What an operation asks of the schema at its root, unless it is excluded; undefined when it asks nothing. */
export function compileIntrospection(
  operation: Operation,
  reader: SelectionReader,
  rootType: GraphQLObjectType,
): IntrospectionQuery | undefined {
  const fields = reader.collectFields([{ set: operation.node.selectionSet, type: rootType }], rootType);
  const compiled = fields.flatMap((collected) => {
    const definition = metaFields.get(collected.nodes[0]?.node.name.value ?? '');
    const nodes = collected.nodes.map(({ node }) => node);
    return definition && reader.reasonOf(rootType, nodes) === undefined
      ? [compileField(collected, definition, rootType.name, reader)]
      : [];
  });
  return compiled.length === 0 ? undefined : compiled;
}

const metaFields: ReadonlyMap<string, GraphQLField<unknown, unknown>> = new Map(
  [SchemaMetaFieldDef, TypeMetaFieldDef].map((field) => [field.name, field]),
);

function compileField(
  { responseName, nodes }: CollectedField,
  field: GraphQLField<unknown, unknown> | undefined,
  typeName: string,
  reader: SelectionReader,
): IntrospectionField {
  const [first] = nodes;
  if (!first) throw new InternalError('a collected field has no node');
  const type = field && getNamedType(field.type);
  const compiled = { responseName, key: `${JSON.stringify(responseName)}:`, node: first.node, field, typeName };
  if (!isObjectType(type)) return { ...compiled, inner: undefined };
  const sets = nodes.flatMap(({ node }) => (node.selectionSet ? [{ set: node.selectionSet, type }] : []));
  const inner = reader.collectFields(sets, type).map((below) => {
    const name = below.nodes[0]?.node.name.value ?? '';
    return compileField(below, name === '__typename' ? undefined : type.getFields()[name], type.name, reader);
  });
  return { ...compiled, inner };
}

/** A long text counts as one value for each of these. */
const charactersPerValue = 64;
/** Of a schema's weight; the introspection query of tools asks less than 12. */
const valuesPerWeight = 30;
const minimum = 20_000;

/** Values that one operation may ask of a schema: several times what tools ask of it. */
export function* maxIntrospectedValues(schema: GraphQLSchema): SlicedWork<number> {
  let weight = 0;
  const weigh = ({ description }: { readonly description?: string | null | undefined }) => {
    weight += weightOf(description);
  };
  for (const type of [...Object.values(schema.getTypeMap()), ...schema.getDirectives()]) {
    weigh(type);
    if ('args' in type) type.args.forEach(weigh);
    else if (isEnumType(type)) type.getValues().forEach(weigh);
    else if (isInputObjectType(type)) Object.values(type.getFields()).forEach(weigh);
    else if ('getFields' in type) {
      for (const field of Object.values(type.getFields())) {
        weigh(field);
        field.args.forEach(weigh);
      }
    }
    yield;
  }
  return minimum + valuesPerWeight * weight;
}

function weightOf(value: unknown): number {
  return typeof value === 'string' ? 1 + Math.floor(value.length / charactersPerValue) : 1;
}

/**
 * Answers an introspection query. `variables`: coerced. Throws `ClientError` `MAX_SELECTIONS_LIMIT` beyond `maxValues`.
 */
export function writeIntrospection(
  query: IntrospectionQuery,
  schema: GraphQLSchema,
  variables: Readonly<Record<string, unknown>>,
  maxValues: number,
): SlicedWork<Introspected> {
  return new IntrospectionWriter(schema, variables, maxValues).write(query);
}

/** Thrown where an error leaves null; the nearest field that may be null takes it. */
const nullHere = new Error('null');

/** Values between two places where the work may stop: some tenths of a millisecond. */
const valuesPerYield = 200;

class IntrospectionWriter {
  private readonly errors: GraphQLError[] = [];
  private readonly path: (string | number)[] = [];
  private readonly info: GraphQLResolveInfo;
  private readonly argumentsOf = new Map<IntrospectionField, Record<string, unknown>>();
  private readonly text = new GrowingText();
  private values = 0;
  private yieldAt = valuesPerYield;

  constructor(
    schema: GraphQLSchema,
    private readonly variables: Readonly<Record<string, unknown>>,
    private readonly maxValues: number,
  ) {
    // The resolvers of graphql-js read nothing else of it.
    this.info = { schema } as unknown as GraphQLResolveInfo;
  }

  *write(query: IntrospectionQuery): SlicedWork<Introspected> {
    const texts = new Map<string, string>();
    try {
      for (const field of query) {
        yield* this.writeField(field, undefined);
        texts.set(field.responseName, this.text.take());
      }
      return { texts, errors: this.errors };
    } catch (error) {
      if (error !== nullHere) throw error;
      return { texts: undefined, errors: this.errors };
    }
  }

  private *writeField(introspected: IntrospectionField, source: unknown): SlicedWork<void> {
    const [level, start] = [this.path.length, this.text.length];
    this.path.push(introspected.responseName);
    try {
      yield* this.writeValue(introspected, source);
      this.path.length = level;
    } catch (error) {
      if (error !== nullHere || !introspected.field || isNonNullType(introspected.field.type)) throw error;
      this.path.length = level;
      this.text.cut(start);
      this.text.add('null');
    }
  }

  private *writeValue(introspected: IntrospectionField, source: unknown): SlicedWork<void> {
    const { inner } = introspected;
    const value = this.resolve(introspected, source);
    if (!Array.isArray(value)) {
      if (inner && value !== null) yield* this.writeObject(inner, value);
      else this.writeLeaf(value);
      return;
    }
    this.text.add('[');
    for (let index = 0; index < value.length; index++) {
      if (index > 0) this.text.add(',');
      this.path.push(index);
      if (inner) yield* this.writeObject(inner, value[index]);
      else this.writeLeaf(value[index]);
      this.path.pop();
    }
    this.text.add(']');
  }

  private *writeObject(fields: IntrospectionQuery, source: unknown): SlicedWork<void> {
    this.count(1);
    this.text.add('{');
    let isFirst = true;
    for (const field of fields) {
      this.text.add(isFirst ? field.key : `,${field.key}`);
      isFirst = false;
      yield* this.writeField(field, source);
    }
    this.text.add('}');
    if (this.values < this.yieldAt) return;
    this.yieldAt = this.values + valuesPerYield;
    this.text.settle();
    yield;
  }

  private writeLeaf(value: unknown): void {
    this.count(weightOf(value));
    this.text.add(JSON.stringify(value));
  }

  private count(weight: number): void {
    this.values += weight;
    if (this.values <= this.maxValues) return;
    throw new ClientError('MAX_SELECTIONS_LIMIT', 'The operation asks more of the schema than is allowed.');
  }

  private resolve(introspected: IntrospectionField, source: unknown): unknown {
    const { field, typeName } = introspected;
    if (!field) return typeName;
    try {
      const value = field.resolve?.(source, this.readArguments(introspected, field), undefined, this.info) ?? null;
      const type = getNullableType(field.type);
      if (value === null || isListType(type) || !isLeafType(type)) return value;
      return type.serialize(value);
    } catch (error) {
      // A default value that no scalar can print, or a variable that is null where it must not be.
      const { message } = error instanceof Error ? error : { message: String(error) };
      this.errors.push(new GraphQLError(message, { path: [...this.path] }));
      throw nullHere;
    }
  }

  private readArguments(introspected: IntrospectionField, field: GraphQLField<unknown, unknown>) {
    let values = this.argumentsOf.get(introspected);
    if (!values) {
      values = getArgumentValues(field, introspected.node, this.variables);
      this.argumentsOf.set(introspected, values);
    }
    return values;
  }
}

/** A text that grows by small pieces and is joined now and then: one join of millions of pieces takes long. */
class GrowingText {
  private joined: string[] = [];
  private pieces: string[] = [];
  length = 0;

  add(piece: string): void {
    this.pieces.push(piece);
    this.length += piece.length;
  }

  settle(): void {
    this.joined.push(this.pieces.join(''));
    this.pieces = [];
  }

  /** Takes back what was added beyond `length`. */
  cut(length: number): void {
    if (length === this.length) return;
    this.settle();
    while (this.length > length) {
      const last = this.joined.pop() ?? '';
      this.length -= last.length;
      if (this.length >= length) continue;
      this.joined.push(last.slice(0, length - this.length));
      this.length = length;
    }
  }

  /** The whole text; then it is empty. */
  take(): string {
    this.settle();
    const text = this.joined.join('');
    this.joined = [];
    this.length = 0;
    return text;
  }
}
