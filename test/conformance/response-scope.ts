/**
 * Conformance fuzzer: which response names are taken at a place of an operation and by what, so that generated
 * selections can be merged. Stricter than the specification's FieldsInSetCanMerge, never laxer in common cases.
 */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isObjectType,
  Kind,
  print,
  type SelectionSetNode,
} from 'graphql';

interface Entry {
  readonly parent: GraphQLCompositeType;
  /** Field name and arguments. */
  readonly source: string;
  readonly type: string;
  readonly nested: ResponseScope;
}

/** The response names of one object in the answer. */
export class ResponseScope {
  private readonly entries = new Map<string, Entry[]>();

  constructor(private readonly schema: GraphQLSchema) {}

  has(name: string): boolean {
    return this.entries.has(name);
  }

  reserve(name: string): void {
    const query = this.schema.getQueryType()!;
    this.entries.set(name, [{ parent: query, source: '(reserved)', type: '', nested: new ResponseScope(this.schema) }]);
  }

  /** Takes a name for a field; the scope of its selections, or `undefined` when the name means something else. */
  add(parent: GraphQLCompositeType, field: FieldNode): ResponseScope | undefined {
    const name = (field.alias ?? field.name).value;
    const source = `${field.name.value}(${(field.arguments ?? []).map(print).sort().join(',')})`;
    const type = this.typeOf(parent, field.name.value);
    const known = this.entries.get(name) ?? [];
    const fits = known.every((entry) => {
      if (entry.type !== type) return false;
      const apart = isObjectType(entry.parent) && isObjectType(parent) && entry.parent !== parent;
      return apart || entry.source === source;
    });
    if (!fits) return undefined;
    const nested = known[0]?.nested ?? new ResponseScope(this.schema);
    this.entries.set(name, [...known, { parent, source, type, nested }]);
    return nested;
  }

  /** Takes all names of a fragment that is used once more; false when one of them does not fit. */
  addAll(
    parent: GraphQLCompositeType,
    set: SelectionSetNode | undefined,
    fragments: readonly FragmentDefinitionNode[],
  ): boolean {
    return (set?.selections ?? []).every((selection) => {
      if (selection.kind === Kind.FIELD) {
        const nested = this.add(parent, selection);
        const target = this.targetOf(parent, selection.name.value);
        return nested !== undefined && (!target || nested.addAll(target, selection.selectionSet, fragments));
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const name = selection.typeCondition?.name.value;
        const type = name ? (this.schema.getType(name) as GraphQLCompositeType) : parent;
        return this.addAll(type, selection.selectionSet, fragments);
      }
      const fragment = fragments.find((other) => other.name.value === selection.name.value);
      if (!fragment) return false;
      const type = this.schema.getType(fragment.typeCondition.name.value) as GraphQLCompositeType;
      return this.addAll(type, fragment.selectionSet, fragments);
    });
  }

  private typeOf(parent: GraphQLCompositeType, field: string): string {
    if (field === '__typename') return 'String!';
    const type = 'getFields' in parent ? parent.getFields()[field]?.type : undefined;
    // Nested objects are of one shape when their own fields are: of their type, lists and nulls count alone.
    return this.targetOf(parent, field) ? String(type).replace(/\w+/, '') : String(type);
  }

  private targetOf(parent: GraphQLCompositeType, field: string): GraphQLCompositeType | undefined {
    const type = 'getFields' in parent ? parent.getFields()[field]?.type : undefined;
    const target = type ? getNamedType(type) : undefined;
    return isCompositeType(target) ? target : undefined;
  }
}
