/**
 * By what an answer can be called old: `Post` for every answer that holds posts, `Post:7` for those that hold this one.
 * An answer that does not show which posts it holds, or holds a list of them, has `Post:*`, and counts as holding each:
 * what a list leaves out may belong into it next. Clock: per document (what is looked for), per answer (found).
 */
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isObjectType,
  Kind,
} from 'graphql';
import { countLists, type FieldOccurrence, responsePathOf } from '../operation/facts';
import type { SlicedWork } from '../slices';

export interface AnswerTags {
  /** Types of objects that it holds. */
  readonly types: readonly string[];
  /** Entities of which it does not show, one by one, which they are, and below which root field. */
  readonly unknown: readonly { readonly type: string; readonly root: string }[];
  /** Where the others are, and the response name of what tells them apart. */
  readonly known: readonly { readonly path: readonly string[]; readonly type: string; readonly key: string }[];
}

/** Every answer has it. */
export const everyAnswer = '*';

/** By type, the field that tells its entities apart: the first key of one field. */
export function readEntityKeys(supergraph: DocumentNode): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const node of supergraph.definitions) {
    if (node.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const all = (node.directives ?? []).flatMap((directive) => keyOf(directive) ?? []);
    // Without such a key it is an entity all the same, which no answer shows.
    if (all.length > 0) keys.set(node.name.value, all.find((key) => /^\w+$/.test(key)) ?? '');
  }
  return keys;
}

function keyOf({ name, arguments: given }: ConstDirectiveNode): string | undefined {
  if (name.value !== 'join__type') return undefined;
  const value = given?.find((argument) => argument.name.value === 'key')?.value;
  return value?.kind === Kind.STRING ? value.value.trim() : undefined;
}

export function* tagsOfOperation(
  occurrences: readonly FieldOccurrence[],
  keys: ReadonlyMap<string, string>,
  schema: GraphQLSchema,
): SlicedWork<AnswerTags> {
  const types = new Set<string>();
  const unknown: AnswerTags['unknown'][number][] = [];
  const known: AnswerTags['known'][number][] = [];
  const children = new Map<FieldOccurrence, FieldOccurrence[]>();
  for (const occurrence of occurrences) {
    const { parent } = occurrence;
    const siblings = parent && children.get(parent);
    if (siblings) siblings.push(occurrence);
    else if (parent) children.set(parent, [occurrence]);
  }
  for (const occurrence of occurrences) {
    const target = getNamedType(occurrence.field.type);
    if (!isCompositeType(target)) continue;
    yield;
    const below = children.get(occurrence) ?? [];
    const objects = objectsOf(target, below, schema);
    const path = responsePathOf(occurrence);
    const isOne = objects.length === 1 && occurrence.listDepth + countLists(occurrence.field.type) === 0;
    for (const { name } of objects) {
      types.add(name);
      const key = keys.get(name);
      if (key === undefined) continue;
      const shown = isOne ? below.find((child) => isKey(child, key)) : undefined;
      if (shown) known.push({ path, type: name, key: shown.responseName });
      else unknown.push({ type: name, root: path[0] ?? '' });
    }
  }
  return { types: [...types], unknown, known };
}

/** The objects of which something is asked there; of none something: all that may stand there. */
function objectsOf(
  target: GraphQLCompositeType,
  below: readonly FieldOccurrence[],
  schema: GraphQLSchema,
): readonly GraphQLObjectType[] {
  const all = isObjectType(target) ? [target] : schema.getPossibleTypes(target);
  if (below.length === 0 || all.length === 1) return all;
  const asked = new Set(below.map(({ parentType }) => parentType));
  return all.filter((type) =>
    [...asked].some((parent) => parent === type || (!isObjectType(parent) && schema.isSubType(parent, type))),
  );
}

function isKey({ field, conditions }: FieldOccurrence, key: string): boolean {
  return field.name === key && conditions === undefined && field.args.length === 0;
}

/** The tags of an answer that is kept. `data`: of the answer, in the client's names. */
export function tagsOfAnswer({ types, unknown, known }: AnswerTags, data: unknown): string[] {
  const tags = new Set([everyAnswer, ...types, ...unknown.map(({ type }) => anyOf(type))]);
  // What is not there yet may be there next.
  for (const place of known) tags.add(entityAt(place, data) ?? anyOf(place.type));
  return [...tags];
}

/** What is old after a mutation that was answered so. `isUnsure`: what is missing in the answer may have happened too. */
export function tagsOfMutation({ unknown, known }: AnswerTags, data: unknown, isUnsure: boolean): string[] {
  const found = known.flatMap((place) => entityAt(place, data) ?? (isUnsure ? place.type : []));
  const hidden = unknown.flatMap(({ type, root }) => (isUnsure || isThere(data, root) ? type : []));
  return [...new Set([...hidden, ...found])];
}

function isThere(data: unknown, name: string): boolean {
  const value = (data as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return value !== null && value !== undefined;
}

function entityAt({ path, type, key }: AnswerTags['known'][number], data: unknown): string | undefined {
  let value = data;
  for (const name of [...path, key]) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return typeof value === 'string' || typeof value === 'number' ? `${type}:${value}` : undefined;
}

const anyOf = (type: string) => `${type}:*`;

/** What to look for among the tags of answers: who knows no better holds the entity too. */
export function expandTags(tags: readonly string[]): readonly string[] {
  const all = tags.flatMap((tag) => {
    const colon = tag.indexOf(':');
    return colon < 0 ? [tag] : [tag, anyOf(tag.slice(0, colon))];
  });
  return [...new Set(all)];
}
