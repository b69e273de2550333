/**
 * The names under which fields travel inside the gateway. Client response names never meet the names that the
 * planner adds for keys and requirements: a field without arguments travels under its own name, any other under a
 * name of ours, and the response shape names it back. Clock: per supergraph (the table), per document (the aliases).
 */
import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { writeDirective, writeValue } from '../operation/write-value';
import type { SupergraphTypes } from './supergraph-types';

/** `[Int!]` and `[String]` cannot share a response name; objects of any type can (specification 5.3.2). */
function responseShapeOf(type: GraphQLOutputType): string {
  if (isNonNullType(type)) return `${responseShapeOf(type.ofType)}!`;
  if (isListType(type)) return `[${responseShapeOf(type.ofType)}]`;
  return isLeafType(type) ? type.name : '*';
}

/** Which fields of a schema may travel under their own names. */
export interface FieldNameTable {
  /** Starts every name of ours, and no field of the supergraph. */
  readonly prefix: string;
  /** The response shape that owns the plain name, for each field name that has several shapes in the schema. */
  readonly plainShapes: ReadonlyMap<string, string>;
}

/** In the whole schema: what clients cannot see has names too. */
export function createFieldNameTable({
  schema,
  fieldNames,
}: Pick<SupergraphTypes, 'schema' | 'fieldNames'>): FieldNameTable {
  const counts = new Map<string, Map<string, number>>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || !(isObjectType(type) || isInterfaceType(type))) continue;
    for (const field of Object.values(type.getFields())) {
      const shapes = counts.get(field.name) ?? new Map<string, number>();
      const shape = responseShapeOf(field.type);
      shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
      counts.set(field.name, shapes);
    }
  }
  const plainShapes = new Map<string, string>();
  for (const [name, shapes] of counts) {
    if (shapes.size < 2) continue;
    const [mostCommon] = [...shapes].sort((a, b) => b[1] - a[1]);
    if (mostCommon) plainShapes.set(name, mostCommon[0]);
  }
  const names = [...fieldNames];
  let prefix = '_';
  while (names.some((name) => name.startsWith(prefix) && /^\d/.test(name.slice(prefix.length)))) prefix += '_';
  return { prefix, plainShapes };
}

/**
 * The names of one operation: equal fields (name, arguments, shape) get equal names wherever they stand. Composite
 * fields with several response names travel once for each: a null that empties one must not empty the other.
 */
export class OperationFieldNames {
  private readonly aliases = new Map<string, string>();

  /** `serialRoot`: the name of a mutation's root type, whose equal fields are run once for each response name. */
  constructor(
    private readonly table: FieldNameTable,
    private readonly serialRoot: string | undefined,
  ) {}

  /**
   * The travelling name of `node`, a field written directly inside a selection set on `parentType`.
   * `{ user { id: name } }` -> `name`; `price(in: EUR)` -> `_0_price`.
   */
  nameOf(node: FieldNode, parentType: GraphQLCompositeType): string {
    const name = node.name.value;
    let identity = '';
    for (const argument of sortedByName(node.arguments ?? [])) {
      identity += `${argument.name.value}:${writeValue(argument.value)},`;
    }
    for (const directive of node.directives ?? []) {
      if (directive.name.value !== 'skip' && directive.name.value !== 'include') identity += writeDirective(directive);
    }
    const plainShape = this.table.plainShapes.get(name);
    if (plainShape !== undefined && 'getFields' in parentType) {
      const field = parentType.getFields()[name];
      const shape = field ? responseShapeOf(field.type) : '';
      if (shape !== plainShape) identity += `#${shape}`;
    }
    const isOneByOne = node.selectionSet !== undefined || parentType.name === this.serialRoot;
    if (isOneByOne && node.alias && node.alias.value !== name) identity += `=${node.alias.value}`;
    if (identity === '' && !(name in Object.prototype)) return name;
    const key = `${name}(${identity}`;
    let alias = this.aliases.get(key);
    if (alias === undefined) {
      alias = `${this.table.prefix}${this.aliases.size}_${name}`;
      this.aliases.set(key, alias);
    }
    return alias;
  }
}

function sortedByName<T extends { readonly name: { readonly value: string } }>(nodes: readonly T[]): readonly T[] {
  if (nodes.length < 2) return nodes;
  return [...nodes].sort((a, b) => (a.name.value < b.name.value ? -1 : 1));
}
