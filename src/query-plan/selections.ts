/**
 * Walking what a client selected, with `@skip` and `@include` already decided (specification 6.3.2).
 * In: selection sets of the client's document. Out: fields in order, with the type they are written on.
 * Clock: per document and values of its condition variables.
 */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isUnionType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { InternalError } from '../errors';
import { deferLabelOf, isDeferred } from '../operation/defer';
import type { ExcludedFields } from '../policy/admission';

/** A selection set, and the type that it is written on. */
export interface TypedSelectionSet {
  readonly set: SelectionSetNode;
  readonly type: GraphQLCompositeType;
  /** Set for what is not the client's, but required by something that is: nothing of it is excluded. */
  readonly isRequired?: boolean | undefined;
}

/** One field of the response: every node that the client wrote for it, first one first. */
export interface CollectedField {
  readonly responseName: string;
  readonly nodes: readonly { readonly node: FieldNode; readonly type: GraphQLCompositeType }[];
}

/** A fragment that comes later. */
export interface DeferredFragment extends TypedSelectionSet {
  /** As it is written in the document. */
  readonly node: Fragment;
  readonly label: string | undefined;
}

type Fragment = Exclude<SelectionNode, FieldNode>;

const all = 'all';

/** A document's fragments, the schema, the values of the variables that decide conditions, and what is excluded. */
export class SelectionReader {
  /** By type and field name, where that decides. */
  private readonly answering = new Map<string, readonly GraphQLObjectType[] | typeof all>();

  constructor(
    readonly schema: GraphQLSchema,
    private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    private readonly conditions: ReadonlyMap<string, boolean>,
    private readonly excluded?: ExcludedFields,
    private readonly defers = false,
  ) {}

  /** The same selections, read in another schema that has all their types and fields. */
  over(schema: GraphQLSchema): SelectionReader {
    return new SelectionReader(schema, this.fragments, this.conditions, this.excluded, this.defers);
  }

  /** Why objects of `type` do not answer a field that these nodes ask; undefined when they do. */
  reasonOf(type: GraphQLCompositeType, nodes: readonly FieldNode[]): number | undefined {
    if (!this.excluded) return undefined;
    // Of an interface whose objects all answer alike, any tells.
    const object = isAbstractType(type) ? this.schema.getPossibleTypes(type)[0] : type;
    if (!object) return undefined;
    for (const node of nodes) {
      const reason = this.excluded.reasonOf(object, node);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  /** The objects of `type` that answer a field; undefined when all do. */
  answeringTypes(type: GraphQLCompositeType, node: FieldNode): readonly GraphQLObjectType[] | undefined {
    const { excluded } = this;
    if (!excluded) return undefined;
    const key = `${type.name}.${node.name.value}`;
    const known = excluded.isByName ? this.answering.get(key) : undefined;
    if (known) return known === all ? undefined : known;
    const types = isAbstractType(type) ? this.schema.getPossibleTypes(type) : [type];
    const answering = types.filter((object) => excluded.reasonOf(object, node) === undefined);
    const found = answering.length === types.length ? undefined : answering;
    if (excluded.isByName) this.answering.set(key, found ?? all);
    return found;
  }

  /** The same selections, with deferred fragments set apart. */
  deferring(): SelectionReader {
    return new SelectionReader(this.schema, this.fragments, this.conditions, this.excluded, true);
  }

  /**
   * The fields that an object of `objectType` answers for these selection sets, in response order. What comes later is
   * added to `deferred`.
   */
  collectFields(
    sets: readonly TypedSelectionSet[],
    objectType: GraphQLObjectType,
    deferred: DeferredFragment[] = [],
  ): CollectedField[] {
    const fields = new Map<string, { node: FieldNode; type: GraphQLCompositeType }[]>();
    const visited = new Set<string>();
    const visit = (set: SelectionSetNode, type: GraphQLCompositeType): void => {
      for (const selection of set.selections) {
        if (!this.isIncluded(selection)) continue;
        if (selection.kind === Kind.FIELD) {
          const responseName = (selection.alias ?? selection.name).value;
          const nodes = fields.get(responseName);
          if (nodes) nodes.push({ node: selection, type });
          else fields.set(responseName, [{ node: selection, type }]);
          continue;
        }
        const isLater = this.isDeferred(selection);
        if (selection.kind === Kind.FRAGMENT_SPREAD && !isLater) {
          if (visited.has(selection.name.value)) continue;
          visited.add(selection.name.value);
        }
        const fragment = this.resolveFragment(selection, type);
        if (!this.covers(fragment.type, objectType)) continue;
        if (isLater) deferred.push({ ...fragment, node: selection, label: deferLabelOf(selection) });
        else visit(fragment.set, fragment.type);
      }
    };
    for (const { set, type } of sets) visit(set, type);
    return [...fields].map(([responseName, nodes]) => ({ responseName, nodes }));
  }

  /** The nodes of each field of one selection set, as `collectFields` finds them. */
  collectNodes(set: SelectionSetNode, objectType: GraphQLObjectType): FieldNode[][] {
    return this.collectFields([{ set, type: objectType }], objectType).map(({ nodes }) =>
      nodes.map(({ node }) => node),
    );
  }

  /** The fields that every object of an interface answers alike; `undefined` when fragments make a difference. */
  collectUniformFields(
    sets: readonly TypedSelectionSet[],
    interfaceType: GraphQLInterfaceType,
    deferred: DeferredFragment[] = [],
  ): CollectedField[] | undefined {
    const fields = new Map<string, { node: FieldNode; type: GraphQLCompositeType }[]>();
    const visit = (set: SelectionSetNode, type: GraphQLCompositeType): boolean =>
      set.selections.every((selection) => {
        if (!this.isIncluded(selection)) return true;
        if (selection.kind === Kind.FIELD) {
          if (selection.name.value === '__typename') return false;
          if (this.answeringTypes(interfaceType, selection)?.length) return false;
          const responseName = (selection.alias ?? selection.name).value;
          const nodes = fields.get(responseName);
          if (nodes) nodes.push({ node: selection, type });
          else fields.set(responseName, [{ node: selection, type }]);
          return true;
        }
        const fragment = this.resolveFragment(selection, type);
        if (!this.covers(fragment.type, interfaceType)) return !this.overlaps(fragment.type, interfaceType);
        if (!this.isDeferred(selection)) return visit(fragment.set, fragment.type);
        deferred.push({ ...fragment, node: selection, label: deferLabelOf(selection) });
        return true;
      });
    if (!sets.every(({ set, type }) => visit(set, type))) return undefined;
    return [...fields].map(([responseName, nodes]) => ({ responseName, nodes }));
  }

  /** The selection set of a fragment and its type; without a type condition, the type around it. */
  resolveFragment(selection: Fragment, enclosing: GraphQLCompositeType): TypedSelectionSet {
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : this.fragments.get(selection.name.value);
    if (!fragment) throw new InternalError('a validated document spreads an unknown fragment');
    if (!fragment.typeCondition) return { set: fragment.selectionSet, type: enclosing };
    const type = this.schema.getType(fragment.typeCondition.name.value);
    if (!isCompositeType(type)) throw new InternalError('a validated document has a fragment on an unknown type');
    return { set: fragment.selectionSet, type };
  }

  /** What is selected below a field that is written on `enclosing`; undefined for a leaf. */
  fieldSet(node: FieldNode, enclosing: GraphQLCompositeType): TypedSelectionSet | undefined {
    if (!node.selectionSet) return undefined;
    const field = 'getFields' in enclosing ? enclosing.getFields()[node.name.value] : undefined;
    const type = field && getNamedType(field.type);
    if (!isCompositeType(type)) throw new InternalError('a validated document selects below a leaf');
    return { set: node.selectionSet, type };
  }

  /** Whether a fragment comes later. */
  isDeferred(fragment: Fragment): boolean {
    return this.defers && isDeferred(fragment, this.conditions);
  }

  isIncluded(selection: SelectionNode): boolean {
    for (const directive of selection.directives ?? []) {
      const name = directive.name.value;
      if (name !== 'skip' && name !== 'include') continue;
      const value = directive.arguments?.[0]?.value;
      const isTrue =
        value?.kind === Kind.VARIABLE
          ? this.conditions.get(value.name.value) === true
          : value?.kind === Kind.BOOLEAN && value.value;
      if (isTrue === (name === 'skip')) return false;
    }
    return true;
  }

  /** Whether the schema declares every object of `type` to be one of `condition`. */
  covers(condition: GraphQLCompositeType, type: GraphQLCompositeType): boolean {
    if (condition === type) return true;
    return isAbstractType(condition) && !isUnionType(type) && this.schema.isSubType(condition, type);
  }

  /** Whether some object of `type` is one of `condition`. */
  overlaps(condition: GraphQLCompositeType, type: GraphQLCompositeType): boolean {
    if (this.covers(condition, type) || this.covers(type, condition)) return true;
    if (!isAbstractType(type)) return false;
    const possible = this.schema.getPossibleTypes(type);
    return possible.some((object) => this.covers(condition, object));
  }
}
