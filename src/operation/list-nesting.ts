/**
 * How deep an operation nests lists: each multiplies how many values an answer has. In: a valid operation.
 * Clock: per document. Fragments count as expanded, without expanding them: the work is linear in the text.
 */
import {
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** `{ users { friends { name } } }` is 2; what is below `__schema` and `__type` does not count. */
export function nestedListsOf(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  schema: GraphQLSchema,
): number {
  const known = new Map<string, number>();
  const fields = new Map<GraphQLField<unknown, unknown>, number>();
  const ofSet = (set: SelectionSetNode, type: WithFields | undefined): number => {
    let deepest = 0;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const field = type?.getFields()[selection.name.value];
        if (field) deepest = Math.max(deepest, ofField(field, selection.selectionSet));
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value;
        deepest = Math.max(deepest, ofSet(selection.selectionSet, condition ? typeOf(condition) : type));
      } else deepest = Math.max(deepest, ofFragment(selection.name.value));
    }
    return deepest;
  };
  const ofField = (field: GraphQLField<unknown, unknown>, set: SelectionSetNode | undefined): number => {
    let lists = fields.get(field);
    if (lists === undefined) {
      lists = listsOf(field.type);
      fields.set(field, lists);
    }
    return set ? lists + ofSet(set, typeOf(getNamedType(field.type).name)) : lists;
  };
  const ofFragment = (name: string): number => {
    let lists = known.get(name);
    if (lists === undefined) {
      const fragment = fragments.get(name);
      lists = fragment ? ofSet(fragment.selectionSet, typeOf(fragment.typeCondition.name.value)) : 0;
      known.set(name, lists);
    }
    return lists;
  };
  const typeOf = (name: string): WithFields | undefined => {
    const type = schema.getType(name);
    return isObjectType(type) || isInterfaceType(type) ? type : undefined;
  };
  return ofSet(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined);
}

type WithFields = GraphQLObjectType | GraphQLInterfaceType;

function listsOf(type: GraphQLOutputType): number {
  if (isNonNullType(type)) return listsOf(type.ofType);
  return isListType(type) ? 1 + listsOf(type.ofType) : 0;
}
