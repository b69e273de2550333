/**
 * Scopes -> the parts of an operation that are planned one by one: the operation itself, and each field that is
 * fetched apart because it requires others. Clock: per document.
 */
import { isAbstractType, Kind } from 'graphql';
import { ClientError } from '../errors';
import type { Operation } from '../operation/document';
import { writeEntry, writeOperation } from './planning-operation';
import {
  type Choice,
  innerScopeOf,
  type PlanningOptions,
  pathInside,
  type Scope,
  type ScopeField,
} from './planning-scope';
import type { RequiredSelection } from './representations';
import type { TypedSelectionSet } from './selections';
import type { RequirementWay } from './supergraph-types';

export interface OperationPart {
  readonly text: string;
  /** Fields of this part that could be had in another way, by place. */
  readonly choices: readonly Choice[];
  /** Set for a field that is fetched apart. */
  readonly apart: ApartField | undefined;
}

/** A field that is fetched by its entity, once what it requires is there. */
export interface ApartField {
  readonly way: RequirementWay;
  /** Where its objects are: as that of a scope. */
  readonly path: readonly string[];
  /** The type of all of them, where they are of one. */
  readonly typeName: string | undefined;
  /** The path without objects of types that the field is not asked of: what is below it is fetched for no other. */
  readonly innerPath: readonly string[];
  /** What their representations are made of. */
  readonly requires: readonly RequiredSelection[];
  /** Whether the subgraph calls the entity otherwise than it is. */
  readonly isRenamed: boolean;
}

const maxParts = 200;

/** The parts for some root fields, the operation itself first. Code: `QUERY_PLAN_TOO_LARGE`. */
export function divideOperation(
  operation: Operation,
  rootFields: readonly ScopeField[],
  options: PlanningOptions,
): OperationPart[] {
  const fieldsApart: ScopeField[] = [];
  const main = collectFrom(rootFields, fieldsApart, options);
  const parts: OperationPart[] = [
    { text: writeOperation(operation, rootFields, options), choices: main, apart: undefined },
  ];
  // Grows while it is walked: below a field that is fetched apart there may be others.
  for (const field of fieldsApart) {
    const { way, scope } = field;
    if (!way) continue;
    if (parts.length > maxParts)
      throw new ClientError('QUERY_PLAN_TOO_LARGE', 'The operation requires too many fields.');
    const choices = collectBelow(innerScopeOf(field, options), fieldsApart, options);
    const isRenamed = way.entity !== scope.type.name || isAbstractType(scope.type);
    const requires = requirementsOf(scope, way, isRenamed, options);
    const typeName = scope.outer || isAbstractType(scope.type) ? undefined : scope.type.name;
    const apart = { way, path: scope.path, typeName, innerPath: pathInside(scope), requires, isRenamed };
    parts.push({ text: writeEntry(operation, way, field, options), choices, apart });
  }
  return parts;
}

/** The choices among fields and what stands below them; notes the fields that are fetched apart. */
function collectFrom(fields: Iterable<ScopeField>, apart: ScopeField[], options: PlanningOptions): Choice[] {
  return [...fields].flatMap((field) => {
    if (!field.way) return collectBelow(innerScopeOf(field, options), apart, options);
    // What several fields share is walked from each of them.
    if (!apart.includes(field)) apart.push(field);
    return [];
  });
}

/** The choices of a scope and of all below it; notes the fields that are fetched apart. */
export function collectBelow(scope: Scope | undefined, apart: ScopeField[], options: PlanningOptions): Choice[] {
  if (!scope) return [];
  const below = collectFrom(scope.fields.values(), apart, options);
  return [
    ...scope.choices,
    ...below,
    ...[...scope.fragments.values()].flatMap((inner) => collectBelow(inner, apart, options)),
  ];
}

function requirementsOf(
  scope: Scope,
  way: RequirementWay,
  isRenamed: boolean,
  options: PlanningOptions,
): RequiredSelection[] {
  const needed = readNeeds({ set: way.needs, type: scope.type }, options);
  const selections: RequiredSelection[] = isRenamed ? needed : [{ kind: 'Field', name: '__typename' }, ...needed];
  if (isRenamed && !scope.outer) return selections;
  return [{ kind: 'InlineFragment', typeCondition: scope.type.name, selections }];
}

/** Required fields under their own names, each taken from its travelling name. */
function readNeeds({ set, type }: TypedSelectionSet, options: PlanningOptions): RequiredSelection[] {
  const { reader, names } = options;
  return set.selections.map((selection): RequiredSelection => {
    if (selection.kind !== Kind.FIELD) {
      const inner = reader.resolveFragment(selection, type);
      return { kind: 'InlineFragment', typeCondition: inner.type.name, selections: readNeeds(inner, options) };
    }
    const name = selection.name.value;
    if (name === '__typename') return { kind: 'Field', name };
    const from = names.nameOf(selection, type);
    if (!selection.selectionSet) return { kind: 'Field', name, from };
    const inner = reader.fieldSet(selection, type);
    return { kind: 'Field', name, from, selections: inner ? readNeeds(inner, options) : [] };
  });
}
