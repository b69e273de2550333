/**
 * What an operation is charged for: its field occurrences and the rules in; units, each allowed or refused as one, out.
 * Clock: per document. An occurrence counts once, however many values it will have; each alias is one.
 */
import {
  type FieldNode,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Operation } from '../operation/document';
import type { FieldOccurrence } from '../operation/facts';
import type { RateLimitRule, RateLimitRules } from './rate-limit-rules';

export interface PlannedUnit {
  readonly occurrences: readonly FieldOccurrence[];
  readonly rules: readonly RateLimitRule[];
  /** `operation`: its null is that of the whole answer. */
  readonly scope: 'operation' | 'root field' | 'field';
  /** Index of the nearest unit around it. */
  readonly parent: number | undefined;
  /** Objects that are refused with it; undefined: all of them. */
  readonly types: ReadonlySet<string> | undefined;
}

export interface RateLimitPlan {
  readonly operationRules: readonly RateLimitRule[];
  readonly units: readonly PlannedUnit[];
  /** Root fields that no rule is for. */
  readonly freeRootFields: readonly FieldOccurrence[];
  /** The unit that a node is refused with. */
  readonly unitOf: ReadonlyMap<FieldNode, number>;
}

/** Undefined for an operation that no rule is for. */
export function planRateLimits(
  operation: Operation,
  occurrences: readonly FieldOccurrence[],
  rules: RateLimitRules,
  schema: GraphQLSchema,
  route: string | undefined,
): RateLimitPlan | undefined {
  const operationRules = rules.operations
    .filter((each) => each.operation === undefined || each.operation === operation.name)
    .filter((each) => each.rootType === undefined || each.rootType === operation.type)
    .filter((each) => each.route === undefined || each.route === route)
    .map(({ rule }) => rule);
  const { units, unitOf } = new UnitFinder(rules, schema).find(occurrences);
  if (operationRules.length === 0 && units.length === 0) return undefined;
  const charged = new Set(units.flatMap((unit) => unit.occurrences));
  const freeRootFields = occurrences.filter((occurrence) => !occurrence.parent && !charged.has(occurrence));
  return { operationRules, units, freeRootFields, unitOf };
}

/** Of a request to a REST route that is no operation: it has no cost, and no field. */
export function planRouteLimits(rules: RateLimitRules, route: string): RateLimitPlan {
  const operationRules = rules.operations
    .filter(({ rule, operation, rootType }) => rule.counts === 'calls' && !operation && !rootType)
    .filter((each) => each.route === undefined || each.route === route)
    .map(({ rule }) => rule);
  return { operationRules, units: [], freeRootFields: [], unitOf: new Map() };
}

interface FoundRules {
  readonly rules: readonly RateLimitRule[];
  readonly types: ReadonlySet<string> | undefined;
}

class UnitFinder {
  private readonly reached = new Map<FieldOccurrence, Set<GraphQLNamedType>>();

  constructor(
    private readonly rules: RateLimitRules,
    private readonly schema: GraphQLSchema,
  ) {}

  find(occurrences: readonly FieldOccurrence[]) {
    const units: (PlannedUnit & { readonly occurrences: FieldOccurrence[] })[] = [];
    const unitOf = new Map<FieldNode, number>();
    const around = new Map<FieldOccurrence, number>();
    if (this.rules.types.size > 0) this.noteReachedTypes(occurrences);
    for (const occurrence of occurrences) {
      const parent = occurrence.parent && around.get(occurrence.parent);
      const found = this.rulesOf(occurrence);
      if (found.rules.length === 0) {
        if (parent !== undefined) around.set(occurrence, parent);
        continue;
      }
      // A fragment that is spread twice is one node at two places: it can only be refused at both.
      const shared = occurrence.nodes.map((node) => unitOf.get(node)).find((index) => index !== undefined);
      const index = shared ?? units.length;
      const known = units[index];
      if (known) known.occurrences.push(occurrence);
      else units.push({ occurrences: [occurrence], ...found, parent, scope: scopeOf(occurrence, found) });
      around.set(occurrence, index);
      for (const node of occurrence.nodes) unitOf.set(node, index);
    }
    return { units, unitOf };
  }

  /** By occurrence: the types on which fields below it are asked. */
  private noteReachedTypes(occurrences: readonly FieldOccurrence[]): void {
    for (const { parent, parentType } of occurrences) {
      if (!parent) continue;
      const types = this.reached.get(parent) ?? new Set();
      this.reached.set(parent, types.add(parentType));
    }
  }

  private rulesOf(occurrence: FieldOccurrence): FoundRules {
    const { parentType, field, parent } = occurrence;
    const own = [parentType, ...parentType.getInterfaces()].flatMap((type) => this.ofField(type.name, field.name));
    const returned = this.ofReturnedType(occurrence);
    const root = parent ? [] : this.ofType(parentType.name);
    const always = [...own, ...returned, ...root];
    const objects = isInterfaceType(parentType) ? this.schema.getPossibleTypes(parentType) : [];
    const some = objects.filter(({ name }) => this.ofField(name, field.name).length > 0);
    const rules = new Set([...always, ...some.flatMap(({ name }) => this.ofField(name, field.name))]);
    return {
      rules: [...rules],
      types: always.length > 0 || rules.size === 0 ? undefined : new Set(some.map(({ name }) => name)),
    };
  }

  /** Of a field that can answer with objects of a limited type, when any of their fields is asked. */
  private ofReturnedType(occurrence: FieldOccurrence): RateLimitRule[] {
    if (this.rules.types.size === 0) return [];
    const type = getNamedType(occurrence.field.type);
    const interfaces = isObjectType(type) || isInterfaceType(type) ? type.getInterfaces() : [];
    const certain = [type, ...interfaces].flatMap(({ name }) => this.ofType(name));
    if (!isAbstractType(type)) return certain;
    const reached = [...(this.reached.get(occurrence) ?? [])];
    const possible = this.schema
      .getPossibleTypes(type)
      .filter((object) => reached.some((at) => this.includes(at, object)));
    return [...certain, ...possible.flatMap(({ name }) => this.ofType(name))];
  }

  private includes(type: GraphQLNamedType, object: GraphQLObjectType): boolean {
    return type === object || (isAbstractType(type) && this.schema.isSubType(type, object));
  }

  private ofField(type: string, field: string): readonly RateLimitRule[] {
    return this.rules.fields.get(`${type}.${field}`) ?? [];
  }

  private ofType(type: string): readonly RateLimitRule[] {
    return this.rules.types.get(type) ?? [];
  }
}

function scopeOf(occurrence: FieldOccurrence, { types }: FoundRules): PlannedUnit['scope'] {
  if (types === undefined && isFatal(occurrence)) return 'operation';
  return occurrence.parent ? 'field' : 'root field';
}

/** Whether its null becomes that of the whole answer: nothing of that would be left to run. */
function isFatal({ field, parent, parentType }: FieldOccurrence): boolean {
  if (!isNonNullType(field.type)) return false;
  if (!parent) return true;
  const around = parent.field.type;
  const isOne = isNonNullType(around) && !isListType(around.ofType) && around.ofType === parentType;
  return isOne && isFatal(parent);
}
