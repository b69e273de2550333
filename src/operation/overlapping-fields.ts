/**
 * Whether fields of one response name can be merged (specification 5.3.2), found in time that follows the expanded
 * size of the document. The rule of graphql-js compares every pair: for 100 x 100 equal fields it takes 107 ms to give up
 * at its meter, which refuses valid documents of 9,900 tokens as well, and this takes 18 ms to allow them.
 * In: a document that every other rule allows. Out: the conflicts. Clock: per document.
 */
import {
  type ASTNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type ValueNode,
} from 'graphql';
import { InternalError } from '../errors';
import { writeValue } from './write-value';

/** A selection set that is merged with others, and the type it is written on. */
interface MergedSet {
  readonly set: SelectionSetNode;
  readonly type: GraphQLCompositeType;
  /** False when its fields have been compared with one another already. */
  readonly isNew: boolean;
}

interface MergedField {
  readonly node: FieldNode;
  readonly parent: GraphQLCompositeType;
  readonly type: GraphQLOutputType;
  readonly isNew: boolean;
}

/** Fields by response name. */
type Groups = ReadonlyMap<string, readonly MergedField[]>;

/** Selections that are looked at before the document is refused: about 20 ms, several times of what honest ones need. */
const maxVisits = 80_000;

const tooMuch = 'Fields of the same response name meet too often to be compared.';

/** The conflicts between fields of the same response name, at most `maxErrors`. */
export function findConflicts(
  schema: GraphQLSchema,
  operations: readonly OperationDefinitionNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  maxErrors: number,
): readonly GraphQLError[] {
  const comparison = new Comparison(schema, fragments, maxErrors);
  for (const operation of operations) {
    const type = schema.getRootType(operation.operation);
    if (!type) throw new InternalError('a validated operation has no root type');
    const whole = [{ set: operation.selectionSet, type, isNew: true }];
    comparison.compareFields(whole, []);
    comparison.compareShapes(whole, []);
  }
  return comparison.isTooMuch ? [new GraphQLError(tooMuch)] : comparison.errors;
}

const metaFields = new Map(
  [TypeNameMetaFieldDef, SchemaMetaFieldDef, TypeMetaFieldDef].map((field) => [field.name, field]),
);

class Comparison {
  readonly errors: GraphQLError[] = [];
  private readonly reported = new Set<string>();
  private readonly signatures = new Map<FieldNode, string>();
  private visits = 0;

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    private readonly maxErrors: number,
  ) {}

  get isTooMuch(): boolean {
    return this.visits > maxVisits;
  }

  private get isOver(): boolean {
    return this.errors.length >= this.maxErrors || this.isTooMuch;
  }

  /** SameResponseShape: whatever the objects are, one response name has one type. `trail`: see `report`. */
  compareShapes(sets: readonly MergedSet[], trail: readonly string[]): void {
    for (const [responseName, fields] of this.collect(sets)) {
      if (this.isOver) return;
      const [first] = fields;
      const other = first && fields.find((field) => !haveSameShape(first.type, field.type));
      if (first && other) {
        const reason = `they return conflicting types "${first.type}" and "${other.type}"`;
        this.report(responseName, reason, [first, other], trail);
        continue;
      }
      const inner = setsBelow(fields);
      if (inner.length > 0) this.compareShapes(inner, fields.length > 1 ? [...trail, responseName] : []);
    }
  }

  /** FieldsInSetCanMerge: what one object can answer for a response name is one field with one set of arguments. */
  compareFields(sets: readonly MergedSet[], trail: readonly string[]): void {
    for (const [responseName, fields] of this.collect(sets)) {
      if (this.isOver) return;
      // The other names were compared when their sets were.
      if (!fields.some((field) => field.isNew)) continue;
      for (const together of partition(fields)) {
        const [first] = together;
        const other = first && together.find((field) => this.signatureOf(field) !== this.signatureOf(first));
        if (first && other) {
          this.report(responseName, reasonOf(first, other), [first, other], trail);
          continue;
        }
        const inner = setsBelow(together);
        if (inner.length > 0) this.compareFields(inner, together.length > 1 ? [...trail, responseName] : []);
      }
    }
  }

  /** The fields of the sets, those of fragments among them, each fragment once. */
  private collect(sets: readonly MergedSet[]): Groups {
    const groups = new Map<string, MergedField[]>();
    const visited = new Set<string>();
    const visit = (set: SelectionSetNode, parent: GraphQLCompositeType, isNew: boolean): void => {
      for (const selection of set.selections) {
        this.visits += 1;
        if (selection.kind === Kind.FIELD) {
          const type = this.typeOf(selection, parent);
          const responseName = (selection.alias ?? selection.name).value;
          const group = groups.get(responseName);
          const field = { node: selection, parent, type, isNew };
          if (group) group.push(field);
          else groups.set(responseName, [field]);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          visit(selection.selectionSet, this.conditionOf(selection.typeCondition?.name.value, parent), isNew);
        } else {
          const name = selection.name.value;
          const fragment = this.fragments.get(name);
          if (!fragment || visited.has(name)) continue;
          visited.add(name);
          visit(fragment.selectionSet, this.conditionOf(fragment.typeCondition.name.value, parent), isNew);
        }
      }
    };
    // New ones first: a fragment that is new somewhere is new.
    for (const { set, type, isNew } of sets) if (isNew) visit(set, type, true);
    for (const { set, type, isNew } of sets) if (!isNew) visit(set, type, false);
    return groups;
  }

  private conditionOf(name: string | undefined, parent: GraphQLCompositeType): GraphQLCompositeType {
    const type: GraphQLNamedType | undefined = name === undefined ? parent : this.schema.getType(name);
    if (!isCompositeType(type)) throw new InternalError('a validated fragment has no composite type');
    return type;
  }

  private typeOf(node: FieldNode, parent: GraphQLCompositeType): GraphQLOutputType {
    const name = node.name.value;
    const field = metaFields.get(name) ?? ('getFields' in parent ? parent.getFields()[name] : undefined);
    if (!field) throw new InternalError('a validated field is not in the schema');
    return field.type;
  }

  /** Equal for fields that are one field with the same arguments. */
  private signatureOf({ node }: MergedField): string {
    let signature = this.signatures.get(node);
    if (signature === undefined) {
      signature = node.name.value;
      for (const argument of sortedByName(node.arguments ?? [])) {
        signature += `,${argument.name.value}:${printSorted(argument.value)}`;
      }
      this.signatures.set(node, signature);
    }
    return signature;
  }

  /** `trail`: the response names that lead here from the set in which several fields met. */
  private report(responseName: string, reason: string, fields: readonly MergedField[], trail: readonly string[]): void {
    const place = [...trail, responseName].join(' ');
    if (this.reported.has(place)) return;
    this.reported.add(place);
    const nested = trail.slice(1).concat(trail.length > 0 ? responseName : []);
    const whole = nested.reduceRight((inner, name) => `subfields "${name}" conflict because ${inner}`, reason);
    const message = `Fields "${trail[0] ?? responseName}" conflict because ${whole}. Use different aliases on the fields to fetch both if this was intentional.`;
    const nodes: ASTNode[] = fields.map(({ node }) => node);
    this.errors.push(new GraphQLError(message, { nodes }));
  }
}

/** Those that one object may answer together: the fields of each object type with those of every abstract type. */
function partition(fields: readonly MergedField[]): readonly (readonly MergedField[])[] {
  const [first] = fields;
  if (fields.every(({ parent }) => parent === first?.parent)) return [fields];
  const abstract = fields.filter(({ parent }) => !isObjectType(parent));
  const byType = new Map<GraphQLCompositeType, MergedField[]>();
  for (const field of fields) {
    if (!isObjectType(field.parent)) continue;
    const group = byType.get(field.parent);
    if (group) group.push(field);
    else byType.set(field.parent, [field]);
  }
  if (abstract.length === 0) return [...byType.values()];
  const compared = abstract.map((field) => ({ ...field, isNew: false }));
  const concrete = [...byType.values()].map((group) =>
    group.every(({ isNew }) => isNew) ? [...compared, ...group] : [...abstract, ...group],
  );
  return [abstract, ...concrete].filter((group) => group.some(({ isNew }) => isNew));
}

function setsBelow(fields: readonly MergedField[]): MergedSet[] {
  const sets: MergedSet[] = [];
  for (const { node, type, isNew } of fields) {
    const named = getNamedType(type);
    if (node.selectionSet && isCompositeType(named)) sets.push({ set: node.selectionSet, type: named, isNew });
  }
  return sets;
}

function haveSameShape(one: GraphQLOutputType, other: GraphQLOutputType): boolean {
  if (one === other) return true;
  if (isNonNullType(one) || isNonNullType(other)) {
    return isNonNullType(one) && isNonNullType(other) && haveSameShape(one.ofType, other.ofType);
  }
  if (isListType(one) || isListType(other)) {
    return isListType(one) && isListType(other) && haveSameShape(one.ofType, other.ofType);
  }
  return !isLeafType(one) && !isLeafType(other);
}

function reasonOf(one: MergedField, other: MergedField): string {
  const [name, otherName] = [one.node.name.value, other.node.name.value];
  return name === otherName ? 'they have differing arguments' : `"${name}" and "${otherName}" are different fields`;
}

/** The order of an input object's fields does not matter (specification 2.9.8). */
function printSorted(value: ValueNode): string {
  if (value.kind === Kind.LIST) return `[${value.values.map(printSorted).join(',')}]`;
  if (value.kind !== Kind.OBJECT) return writeValue(value);
  const fields = sortedByName(value.fields).map((field) => `${field.name.value}:${printSorted(field.value)}`);
  return `{${fields.join(',')}}`;
}

function sortedByName<T extends { readonly name: { readonly value: string } }>(nodes: readonly T[]): readonly T[] {
  return nodes.length < 2 ? nodes : [...nodes].sort((a, b) => (a.name.value < b.name.value ? -1 : 1));
}
