/**
 * What execution must know of the supergraph's types beyond the API schema: those that clients cannot see, which
 * object belongs to which interface or union, and the keys of entities. Clock: per supergraph.
 * Declared here, built by `src/supergraph/`.
 */
import type { OperationTypeNode } from 'graphql';

export interface SupergraphTypes {
  /** Whether `name` is an object type: what `__typename` should say. */
  isObject(name: string): boolean;
  /** Whether `__typename: typeName` satisfies the type condition `... on condition`. */
  matches(typeName: string, condition: string): boolean;
  /** The resolvable and other keys of an entity in a subgraph, each by its top-level field names. */
  keysOf(subgraph: string, typeName: string): readonly (readonly string[])[];
  /** Interfaces that some subgraph knows only as `@interfaceObject`. */
  readonly interfaceObjects: ReadonlySet<string>;
  readonly argumentRequirements: ArgumentRequirements;
  /** The fields of the object that a subgraph must be sent to answer a field, at the first level. */
  requiredFields(subgraph: string, typeName: string, fieldName: string): readonly string[];
  /** The fields that a subgraph answers below a field though they are another's (`@provides`), at any level. */
  providedFields(subgraph: string, typeName: string, fieldName: string): readonly string[];
  /** The named type of a field. */
  fieldType(typeName: string, fieldName: string): string | undefined;
  rootTypeName(operation: OperationTypeNode): string;
  /** Every field name of the supergraph. */
  readonly fieldNames: ReadonlySet<string>;
}

/**
 * By coordinate of a field with requirements: the names of the fields that it requires and that take arguments, and
 * with which.
 */
export type ArgumentRequirements = ReadonlyMap<string, ReadonlyMap<string, string>>;
