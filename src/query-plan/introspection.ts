/**
 * `__schema` and `__type` are answered here, from the API schema, by graphql-js. Clock: per request.
 */
import {
  executeSync,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';

/** The introspection fields of one operation, ready to be answered. */
export interface IntrospectionQuery {
  readonly operation: OperationDefinitionNode;
  readonly nodes: readonly FieldNode[];
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

/** Values by response name, and the errors that graphql-js found. */
export function answerIntrospection(
  query: IntrospectionQuery,
  schema: GraphQLSchema,
  variables: Readonly<Record<string, unknown>>,
): { data: Readonly<Record<string, unknown>>; errors: readonly GraphQLError[] } {
  const operation = {
    ...query.operation,
    selectionSet: { kind: Kind.SELECTION_SET, selections: query.nodes },
  } as const;
  const { data, errors = [] } = executeSync({
    schema,
    document: { kind: Kind.DOCUMENT, definitions: [operation, ...query.fragments.values()] },
    variableValues: variables,
  });
  return { data: data ?? {}, errors: errors.map((error) => new GraphQLError(error.message, { path: error.path })) };
}
