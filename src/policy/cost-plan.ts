/**
 * What an operation costs: facts and declarations in; its estimate, and what its answer is counted by, out.
 * Clock: per document (compiled), per request (estimated, counted). It expands nothing: limits of documents bound it.
 */
import type { FieldNode } from 'graphql';
import { type FieldOccurrence, isAsked } from '../operation/facts';
import type { SlicedWork } from '../slices';
import {
  type CostInput,
  type CostPart,
  evaluate,
  type FieldCosts,
  productOf,
  type SizedLists,
  sumOf,
} from './cost-parts';

/** Beside its fields. */
const mutationCost = 10;

/** A field of an answer that is counted, or has such fields below it. */
export interface CountedField {
  readonly name: string;
  /** Of one value that is not null. */
  readonly weight: number;
  /** Once for each object that it is a field of. */
  readonly arguments: CostPart;
  readonly fields: readonly CountedField[];
}

export interface OperationCost {
  readonly estimate: CostPart;
  /** What an answer costs beside `fields`. */
  readonly base: number;
  readonly fields: readonly CountedField[];
}

interface Draft {
  readonly name: string;
  weight: number;
  arguments: CostPart;
  readonly below: Drafts;
}
type Drafts = Map<string, Draft>;

/** What these occurrences of one operation cost. */
export function* compileCost(
  type: 'query' | 'mutation' | 'subscription',
  occurrences: readonly FieldOccurrence[],
  costs: FieldCosts,
): SlicedWork<OperationCost> {
  // A fragment is written once, however often it is spread.
  const known = new Map<FieldNode, ReturnType<FieldCosts['writtenOf']>>();
  const children = childrenOf(occurrences);
  function* compile(
    parent: FieldOccurrence | undefined,
    around: readonly SizedLists[],
    places: Drafts,
  ): SlicedWork<CostPart> {
    const parts: CostPart[] = [];
    for (const occurrence of children.get(parent) ?? []) {
      const { weight } = costs.declaredOf(occurrence);
      const [node] = occurrence.nodes;
      const written = known.get(node) ?? costs.writtenOf(occurrence);
      known.set(node, written);
      const ownArguments = written.arguments;
      const { count, below } = costs.sizesOf(occurrence, written, around);
      const place = placeOf(places, occurrence.responseName);
      place.weight = Math.max(place.weight, weight);
      if (place.arguments === 0) place.arguments = ownArguments;
      const selections = yield* compile(occurrence, below, place.below);
      parts.push(whenAsked(occurrence, sumOf([productOf(count, sumOf([weight, selections])), ownArguments])));
      yield;
    }
    return sumOf(parts);
  }
  const base = type === 'mutation' ? mutationCost : 0;
  const places: Drafts = new Map();
  const estimate = sumOf([base, yield* compile(undefined, [], places)]);
  return { estimate, base, fields: countedOf(places) };
}

function childrenOf(occurrences: readonly FieldOccurrence[]) {
  const children = new Map<FieldOccurrence | undefined, FieldOccurrence[]>();
  for (const occurrence of occurrences) {
    const siblings = children.get(occurrence.parent);
    if (siblings) siblings.push(occurrence);
    else children.set(occurrence.parent, [occurrence]);
  }
  return children;
}

function whenAsked(occurrence: FieldOccurrence, cost: CostPart): CostPart {
  if (!occurrence.conditions || cost === 0) return cost;
  return (input) => (isAsked(occurrence, input.variables) ? evaluate(cost, input) : 0);
}

/** Fields of several types under one name count as the dearest of them: an answer does not tell its types. */
function placeOf(places: Drafts, name: string): Draft {
  const known = places.get(name);
  if (known) return known;
  const place: Draft = { name, weight: 0, arguments: 0, below: new Map() };
  places.set(name, place);
  return place;
}

/** Without what costs nothing. */
function countedOf(places: Drafts): readonly CountedField[] {
  return [...places.values()].flatMap(({ name, weight, arguments: cost, below }) => {
    const fields = countedOf(below);
    return weight === 0 && cost === 0 && fields.length === 0 ? [] : [{ name, weight, arguments: cost, fields }];
  });
}

/** What the data of an answer cost. */
export function countAnswer({ base, fields }: OperationCost, data: unknown, input: CostInput): number {
  return base + countObject(data, fields, input);
}

function countObject(object: unknown, fields: readonly CountedField[], input: CostInput): number {
  if (typeof object !== 'object' || object === null) return 0;
  let cost = 0;
  for (const field of fields) {
    if (!Object.hasOwn(object, field.name)) continue;
    cost += evaluate(field.arguments, input);
    cost += countValue((object as Readonly<Record<string, unknown>>)[field.name], field, input);
  }
  return cost;
}

function countValue(value: unknown, field: CountedField, input: CostInput): number {
  if (value === null || value === undefined) return 0;
  if (!Array.isArray(value)) return field.weight + countObject(value, field.fields, input);
  let cost = 0;
  for (const item of value) cost += countValue(item, field, input);
  return cost;
}
