/**
 * The shape of a response: for each selection the client wrote, which fields an object of each type answers, in
 * which order, and under which travelling name their value is found in the gateway's data.
 * In: the client's operation. Clock: per document and values of its condition variables; by type, on first use.
 */
import {
  type GraphQLCompositeType,
  type GraphQLInterfaceType,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { InternalError } from '../errors';
import type { OperationFieldNames } from './field-names';
import type { CollectedField, DeferredFragment, SelectionReader, TypedSelectionSet } from './selections';

/** One field that the client gets. */
export type FieldShape =
  | { readonly kind: 'typename'; readonly responseName: string }
  /** `__schema` or `__type`: answered by the gateway itself, found under its response name. */
  | { readonly kind: 'introspection'; readonly responseName: string }
  /** Null, for the reason of this index. */
  | { readonly kind: 'excluded'; readonly responseName: string; readonly reason: number; readonly isRequired: boolean }
  | {
      readonly kind: 'field';
      readonly responseName: string;
      /** Where the value is found in the gateway's data. */
      readonly travellingName: string;
      /** `User.name`. */
      readonly coordinate: string;
      readonly value: ValueShape;
      /** What is selected below, when the field's type is composite. */
      readonly selection: SelectionShape | undefined;
      /** Of an interface's nullable field: whether some of its objects forbid null there. */
      readonly isRequiredOfSome?: true;
    };

/** The type of a field as completion walks it: which values may stand there. */
export type ValueShape = { readonly isRequired: boolean } & (
  | { readonly kind: 'list'; readonly item: ValueShape }
  | { readonly kind: 'leaf'; readonly type: GraphQLLeafType }
  | { readonly kind: 'object'; readonly selection: SelectionShape }
);

/** What an object answers later. */
export interface DeferredShape {
  /** As it is written in the document: what tells one from others. */
  readonly node: DeferredFragment['node'];
  readonly label: string | undefined;
  readonly selection: SelectionShape;
}

export interface ShapeOptions {
  readonly reader: SelectionReader;
  readonly names: OperationFieldNames;
}

/** What the client selected on values of one composite type. */
export class SelectionShape {
  private readonly byTypeName = new Map<string, readonly FieldShape[]>();
  /** Where something is deferred. */
  private readonly deferred = new Map<readonly FieldShape[], readonly DeferredShape[]>();

  constructor(
    readonly type: GraphQLCompositeType,
    private readonly sets: readonly TypedSelectionSet[],
    private readonly options: ShapeOptions,
  ) {}

  /** The fields that an object whose `__typename` is `typeName` answers; `undefined` when it may not stand here. */
  fieldsOf(typeName: unknown): readonly FieldShape[] | undefined {
    if (isObjectType(this.type)) return this.fieldsOfType(this.type);
    if (typeof typeName === 'string') {
      const known = this.byTypeName.get(typeName);
      if (known) return known;
      const type = this.options.reader.schema.getType(typeName);
      if (isObjectType(type) && this.options.reader.covers(this.type, type)) return this.fieldsOfType(type);
    }
    // An `@interfaceObject` names only the interface. That is enough where every implementation answers the same.
    const isUniform = isInterfaceType(this.type) && (typeName === undefined || typeName === this.type.name);
    return isUniform ? this.fieldsOfInterface(this.type) : undefined;
  }

  /** What an object with these fields answers later. */
  deferredOf(fields: readonly FieldShape[]): readonly DeferredShape[] {
    return this.deferred.get(fields) ?? nothingDeferred;
  }

  /** The name of the concrete type, for `__typename`. */
  typeNameOf(typeName: unknown): string {
    return isObjectType(this.type) ? this.type.name : String(typeName);
  }

  /** The first field that any type of this selection finds under `travellingName`. */
  findField(travellingName: string): Extract<FieldShape, { kind: 'field' }> | undefined {
    const { schema } = this.options.reader;
    const types = isObjectType(this.type) ? [this.type] : schema.getPossibleTypes(this.type);
    for (const type of types) {
      for (const field of this.fieldsOfType(type)) {
        if (field.kind === 'field' && field.travellingName === travellingName) return field;
      }
    }
    return undefined;
  }

  private fieldsOfType(type: GraphQLObjectType): readonly FieldShape[] {
    let fields = this.byTypeName.get(type.name);
    if (!fields) {
      const deferred: DeferredFragment[] = [];
      const collected = this.options.reader.collectFields(this.sets, type, deferred);
      fields = this.shapesOf(collected, deferred, type);
      this.byTypeName.set(type.name, fields);
    }
    return fields;
  }

  private fieldsOfInterface(type: GraphQLInterfaceType): readonly FieldShape[] | undefined {
    const key = `interface ${type.name}`;
    let fields = this.byTypeName.get(key);
    if (!fields) {
      const deferred: DeferredFragment[] = [];
      const collected = this.options.reader.collectUniformFields(this.sets, type, deferred);
      if (!collected) return undefined;
      fields = this.shapesOf(collected, deferred, type);
      this.byTypeName.set(key, fields);
    }
    return fields;
  }

  private shapesOf(
    collected: readonly CollectedField[],
    deferred: readonly DeferredFragment[],
    type: GraphQLObjectType | GraphQLInterfaceType,
  ): readonly FieldShape[] {
    const fields = collected.map((field) => this.shapeOf(field, type));
    const later = deferred.map(({ node, label, ...set }) => ({
      node,
      label,
      selection: new SelectionShape(type, [set], this.options),
    }));
    if (later.length > 0) this.deferred.set(fields, later);
    return fields;
  }

  private shapeOf(field: CollectedField, type: GraphQLObjectType | GraphQLInterfaceType): FieldShape {
    const { responseName } = field;
    const [first] = field.nodes;
    const fieldName = first?.node.name.value;
    if (!first || fieldName === undefined) throw new InternalError('a collected field has no node');
    if (fieldName === '__typename') return { kind: 'typename', responseName };
    const isIntrospection = fieldName === '__schema' || fieldName === '__type';
    const definition = type.getFields()[fieldName];
    const reason = this.options.reader.reasonOf(
      type,
      field.nodes.map(({ node }) => node),
    );
    if (reason !== undefined) {
      const isRequired = fieldName === '__schema' || (definition !== undefined && isNonNullType(definition.type));
      return { kind: 'excluded', responseName, reason, isRequired };
    }
    if (isIntrospection) return { kind: 'introspection', responseName };
    if (!definition) throw new InternalError(`a validated document selects an unknown field of ${type.name}`);
    const namedType = getNamedType(definition.type);
    const { reader } = this.options;
    const sets = field.nodes.flatMap(({ node, type: enclosing }) => reader.fieldSet(node, enclosing) ?? []);
    const selection = isCompositeType(namedType) ? new SelectionShape(namedType, sets, this.options) : undefined;
    return {
      kind: 'field',
      responseName,
      travellingName: this.options.names.nameOf(first.node, first.type),
      coordinate: `${type.name}.${fieldName}`,
      value: valueShapeOf(definition.type, selection),
      selection,
      ...(this.isRequiredOfSome(type, fieldName) && { isRequiredOfSome: true }),
    };
  }

  private isRequiredOfSome(type: GraphQLObjectType | GraphQLInterfaceType, fieldName: string): boolean {
    if (isObjectType(type)) return false;
    const objects = this.options.reader.schema.getPossibleTypes(type);
    return objects.some((object) => isNonNullType(object.getFields()[fieldName]?.type));
  }
}

const nothingDeferred: readonly DeferredShape[] = [];

function valueShapeOf(type: GraphQLOutputType, selection: SelectionShape | undefined): ValueShape {
  const isRequired = isNonNullType(type);
  const inner = isRequired ? type.ofType : type;
  if (isListType(inner)) return { kind: 'list', isRequired, item: valueShapeOf(inner.ofType, selection) };
  if (isLeafType(inner)) return { kind: 'leaf', isRequired, type: inner };
  if (!selection) throw new InternalError('a composite field has no selection');
  return { kind: 'object', isRequired, selection };
}
