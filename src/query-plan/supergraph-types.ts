/**
 * What execution must know of the supergraph's types beyond the API schema: those that clients cannot see, which
 * object belongs to which interface or union, the keys of entities, and what fields require. Clock: per supergraph.
 * Declared here, built by `src/supergraph/`.
 */
import type { GraphQLSchema, SelectionSetNode } from 'graphql';

export interface SupergraphTypes {
  /** Every type and field, also those that clients cannot see: what operations for the planner are written in. */
  readonly schema: GraphQLSchema;
  /** Whether `name` is an object type: what `__typename` should say. */
  isObject(name: string): boolean;
  /** Whether `__typename: typeName` satisfies the type condition `... on condition`. */
  matches(typeName: string, condition: string): boolean;
  /** The resolvable and other keys of an entity in a subgraph, each by its top-level field names. */
  keysOf(subgraph: string, typeName: string): readonly (readonly string[])[];
  /** Interfaces that some subgraph knows only as `@interfaceObject`. */
  readonly interfaceObjects: ReadonlySet<string>;
  /** How a field of an object is had that requires others, or a field that an `@interfaceObject` adds to an interface. */
  requirementsOf(typeName: string, fieldName: string): FieldRequirements | undefined;
  /** How else a field that an entity has in common with an interface is had than where it stands: there an operation can be cut. */
  entriesOf(typeName: string, fieldName: string): readonly RequirementWay[] | undefined;
  /** The names of fields with requirements. */
  readonly requiringFields: ReadonlySet<string>;
  /** Every field name of the supergraph. */
  readonly fieldNames: ReadonlySet<string>;
}

/**
 * The ways to have a field that some subgraph answers only when it is given others, the likeliest first. Undefined:
 * some subgraph may answer it like any other field. An interface and its objects have one list when they are alike.
 */
export type FieldRequirements = readonly (RequirementWay | undefined)[];

/** One subgraph, and one key, by which a field with requirements can be had. */
export interface RequirementWay {
  readonly subgraph: string;
  /** What the subgraph calls the entity: of an `@interfaceObject`, the interface. */
  readonly entity: string;
  /** The root field at which the planner enters the subgraph with the entity. */
  readonly entry: string;
  /** The label of a progressive override, and whether it must be on for the subgraph to answer. */
  readonly override: { readonly label: string; readonly isOn: boolean } | undefined;
  /** The key and what is required, written on the entity. */
  readonly needs: SelectionSetNode;
}
