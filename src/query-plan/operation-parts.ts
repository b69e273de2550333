/**
 * Scopes -> the parts of an operation that are planned one by one: the operation itself, and each field that is
 * fetched apart because it requires others. Clock: per document.
 */
import { isAbstractType, Kind } from 'graphql';
import type { Operation } from '../operation/document';
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
export function divideOperation(
  operation: Operation,
  rootFields: readonly ScopeField[],
  options: PlanningOptions,
): OperationPart[] {
  const apart = new Set<ScopeField>();
  const main: Found = { apart, choices: [], seen: new Set() };
  collectFrom(rootFields, main, options);
  const text = writeOperation(operation, rootFields, options);
  const parts: OperationPart[] = [{ text, choices: main.choices, apart: undefined }];
  // Grows while it is walked: below a field that is fetched apart there may be others.
  for (const field of apart) {
    const { way, scope } = field;
    if (!way) continue;
    const choices = choicesBelow(innerScopeOf(field, options), apart, options);
    const isRenamed = way.entity !== scope.type.name || isAbstractType(scope.type);
    const requires = requirementsOf(scope, way, isRenamed, options);
    const typeName = scope.outer || isAbstractType(scope.type) ? undefined : scope.type.name;
    const placed = { way, path: scope.path, typeName, innerPath: pathInside(scope), requires, isRenamed };
    parts.push({ text: writeEntry(operation, way, field, options), choices, apart: placed });
  }
  return parts;
}

/** What is found while scopes are walked for one part. */
interface Found {
  readonly choices: Choice[];
  /** The fields that are fetched apart, of all parts. */
  readonly apart: Set<ScopeField>;
  /** What several fields share is walked once. */
  readonly seen: Set<Scope>;
}

/** The choices of a scope and of all below it; adds the fields that are fetched apart. Code: `QUERY_PLAN_TOO_LARGE`. */
export function choicesBelow(
  scope: Scope | undefined,
  apart: Set<ScopeField>,
  options: PlanningOptions,
): readonly Choice[] {
  const found: Found = { apart, choices: [], seen: new Set() };
  collectBelow(scope, found, options);
  return found.choices;
}

function collectBelow(scope: Scope | undefined, found: Found, options: PlanningOptions): void {
  if (!scope || found.seen.has(scope)) return;
  found.seen.add(scope);
  found.choices.push(...scope.choices);
  collectFrom(scope.fields.values(), found, options);
  for (const fragment of scope.fragments.values()) collectBelow(fragment, found, options);
}

function collectFrom(fields: Iterable<ScopeField>, found: Found, options: PlanningOptions): void {
  for (const field of fields) {
    if (!field.way) collectBelow(innerScopeOf(field, options), found, options);
    else if (found.apart.add(field).size > maxParts) throw tooLarge('requires too many fields');
  }
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
