/**
 * Conformance fuzzer: the graph while it is being made, and the two constructors that its makers share.
 */
import type { FieldModel, FieldRole, GraphModel, ObjectModel, Population, TypeRef } from './model';
import type { Random } from './random';

/** What is being made: shared by the generator's files. */
export interface Draft {
  readonly rng: Random;
  readonly model: GraphModel;
  /** Gives fields their order of making. */
  nextRank(): number;
}

/** A field without owner, with defaults for everything that is rare. */
export function makeField(
  draft: Draft,
  dataOf: string,
  name: string,
  type: TypeRef,
  more: Partial<Pick<FieldModel, 'args' | 'members'>> & { role?: FieldRole } = {},
): FieldModel {
  return {
    name,
    type,
    args: more.args ?? [],
    ...(more.role ? { role: more.role } : {}),
    rank: draft.nextRank(),
    dataOf,
    members: more.members ?? [],
    owners: new Set(),
    provides: new Map(),
    provided: false,
    inaccessible: false,
    mayFail: false,
    nonNullIn: new Set(),
  };
}

export function makeObject(
  draft: Draft,
  name: string,
  role: ObjectModel['role'],
  population?: Population,
): ObjectModel {
  const type: ObjectModel = {
    kind: 'object',
    name,
    role,
    fields: [],
    keys: [],
    ...(population ? { population } : {}),
    sites: new Map(),
  };
  draft.model.types.set(name, type);
  return type;
}
