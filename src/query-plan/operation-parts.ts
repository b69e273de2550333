/**
 * Scopes -> the parts of an operation that are planned one by one: the operation itself, and each field that is
 * fetched apart because it requires others. Clock: per document.
 */
import { isAbstractType, Kind } from 'graphql';
import type { Operation } from '../operation/document';
import type { SlicedWork } from '../slices';
import { writeEntry, writeOperation } from './planning-operation';
import {
  type Choice,
  innerScopeOf,
  type PlanningOptions,
  pathInside,
  type Scope,
  type ScopeField,
  tooLarge,
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
export function* divideOperation(
  operation: Operation,
  rootFields: readonly ScopeField[],
  options: PlanningOptions,
): SlicedWork<OperationPart[]> {
  const apart = new Set<ScopeField>();
  const choices = yield* collectChoices(rootFields, apart, options);
  const text = yield* writeOperation(operation, rootFields, options);
  const parts: OperationPart[] = [{ text, choices, apart: undefined }];
  // Grows while it is walked: below a field that is fetched apart there may be others.
  for (const field of apart) if (field.way) parts.push(yield* readPart(operation, field, field.way, apart, options));
  return parts;
}

function* readPart(
  operation: Operation,
  field: ScopeField,
  way: RequirementWay,
  apart: Set<ScopeField>,
  options: PlanningOptions,
): SlicedWork<OperationPart> {
  const { scope } = field;
  const choices = yield* collectChoices(innerScopeOf(field, options), apart, options);
  const isRenamed = way.entity !== scope.type.name || isAbstractType(scope.type);
  const requires = requirementsOf(scope, way, isRenamed, options);
  const typeName = scope.outer || isAbstractType(scope.type) ? undefined : scope.type.name;
  return {
    text: yield* writeEntry(operation, way, field, options),
    choices,
    apart: { way, path: scope.path, typeName, innerPath: pathInside(scope), requires, isRenamed },
  };
}

/** The choices of a scope, or of fields, and of all below; adds the fields that are fetched apart. Code: `QUERY_PLAN_TOO_LARGE`. */
export function* collectChoices(
  from: Scope | Iterable<ScopeField> | undefined,
  apart: Set<ScopeField>,
  options: PlanningOptions,
): SlicedWork<readonly Choice[]> {
  const choices: Choice[] = [];
  // What several fields share is walked once.
  const seen = new Set<Scope>();
  // Grows while it is walked.
  const open: Iterable<ScopeField>[] = [];
  const enter = (scope: Scope): void => {
    if (seen.has(scope)) return;
    seen.add(scope);
    choices.push(...scope.choices);
    open.push(scope.fields.values());
    for (const fragment of scope.fragments.values()) enter(fragment);
  };
  if (from && 'fragments' in from) enter(from);
  else if (from) open.push(from);
  for (const fields of open) {
    for (const field of fields) {
      const inner = field.way ? undefined : innerScopeOf(field, options);
      if (inner) enter(inner);
      else if (field.way && apart.add(field).size > maxParts) throw tooLarge('requires too many fields');
      yield;
    }
  }
  return choices;
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
