/**
 * What must be true of whoever reads a field: clauses that all have to hold. Plain data and the logic on it.
 * Clock: per supergraph (joined), per request (decided).
 */
import type { Identity } from '../context/request-context';

/** `anyOf`: one of these lists must be given wholly. `[["a", "b"], ["c"]]` is (a and b) or c. */
export type Clause =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'scopes' | 'policies'; readonly anyOf: readonly (readonly string[])[] };

export type ClauseKind = Clause['kind'];

/** Clauses that all must hold; none: everybody may. */
export type Requirement = readonly Clause[];

/** Both requirements as one, each clause once and in an order that does not depend on who asked first. */
export function joinRequirements(...requirements: readonly Requirement[]): Requirement {
  const clauses = new Map<string, Clause>();
  for (const clause of requirements.flat()) clauses.set(JSON.stringify(clause), clause);
  return [...clauses].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, clause]) => clause);
}

/** Whoever has any of the roles, and all of the scopes. */
export interface Audience {
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
}

export function isOfAudience(identity: Identity, audience: Audience): boolean {
  const roles = identity.kind === 'authenticated' ? identity.roles : [];
  const isMet = (policy: string) => roles.some((role) => rolePolicy(role) === policy);
  return failingClause(requirementOf(audience), identity, isMet) === undefined;
}

/** An audience as a requirement. */
export function requirementOf({ roles, scopes }: Audience): Requirement {
  const byRole: Requirement = [{ kind: 'policies', anyOf: roles.map((role) => [rolePolicy(role)]) }];
  const byScope: Requirement = [{ kind: 'scopes', anyOf: [scopes] }];
  return [...(roles.length > 0 ? byRole : []), ...(scopes.length > 0 ? byScope : [])];
}

const rolePrefix = 'role:';

/** The built-in policy that whoever has a role meets. */
function rolePolicy(role: string): string {
  return rolePrefix + role;
}

/** The role that a built-in policy asks; undefined for other policies. */
export function roleOfPolicy(name: string): string | undefined {
  return name.startsWith(rolePrefix) ? name.slice(rolePrefix.length) : undefined;
}

/** The names of all policies that a requirement asks. */
export function policyNamesOf(requirement: Requirement): string[] {
  return requirement.flatMap((clause) => (clause.kind === 'policies' ? clause.anyOf.flat() : []));
}

/** The first clause that does not hold; undefined when all do. */
export function failingClause(
  requirement: Requirement,
  identity: Identity,
  isPolicyMet: (name: string) => boolean,
): Clause | undefined {
  return requirement.find((clause) => {
    if (clause.kind === 'authenticated') return identity.kind !== 'authenticated';
    const scopes = identity.kind === 'authenticated' ? identity.scopes : [];
    const isGiven = clause.kind === 'scopes' ? (scope: string) => scopes.includes(scope) : isPolicyMet;
    return !clause.anyOf.some((all) => all.every(isGiven));
  });
}

/** More combinations than this are not compared. */
const maxCombinations = 1_000;

/**
 * Whether whoever meets all of `requirements` meets `wanted` in any case. False where there are too many combinations
 * to tell.
 */
export function imply(requirements: readonly Requirement[], wanted: Requirement): boolean {
  const clauses = requirements.flat();
  return wanted.every((clause) => {
    if (clause.kind === 'authenticated') return clauses.some(({ kind }) => kind === 'authenticated');
    const given = clauses.flatMap((other) => (other.kind === clause.kind ? [other.anyOf] : []));
    const combinations = combine(given);
    return combinations?.every((all) => clause.anyOf.some((any) => any.every((name) => all.has(name)))) ?? false;
  });
}

/** One list of each, in every combination. */
function combine(choices: readonly (readonly (readonly string[])[])[]): ReadonlySet<string>[] | undefined {
  let combinations: ReadonlySet<string>[] = [new Set()];
  for (const lists of choices) {
    if (combinations.length * lists.length > maxCombinations) return undefined;
    combinations = combinations.flatMap((one) => lists.map((list) => new Set([...one, ...list])));
  }
  return combinations;
}
