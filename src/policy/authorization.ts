/**
 * Authorization: which fields of an operation whoever asks may not read. In: an operation and a request context.
 * Out: a verdict. Clock: per supergraph (the table), per document (which requirements occur), per request (decided).
 * It never reads what the client calls things: fields are known by type and name, directives by where they come from.
 */
import { type FieldNode, type GraphQLObjectType, type GraphQLSchema, isObjectType } from 'graphql';
import { ClientError, type ErrorCode } from '../errors';
import type { Operation } from '../operation/document';
import { type FieldOccurrence, isAsked, type OperationFacts, responsePathOf } from '../operation/facts';
import {
  type AdmissionRequest,
  allowed,
  type Exclusions,
  type Policies,
  type PolicySubject,
  type Reason,
  type Verdict,
} from './admission';
import { type AuthorizationTable, readAuthorizationTable } from './authorization-table';
import { UnenforceableError } from './links';
import type { Answers, NamedPolicies } from './named-policies';
import { type ClauseKind, failingClause, policyNamesOf, type Requirement } from './requirements';

/** What became of fields that a client may not read. */
export type UnauthorizedOutcome = 'filtered' | 'rejected' | 'dry run';

export interface AuthorizationOptions {
  readonly mode: 'filter' | 'reject';
  /** Refuses nothing that directives protect; tells what it would. */
  readonly dryRun: boolean;
  readonly policies: NamedPolicies;
  /** Who may ask `__schema` and `__type`; empty: everybody. It holds in a dry run too. */
  readonly introspection: Requirement;
  /** Errors in one answer. */
  readonly maxErrors: number;
  /** Told how many fields of an operation were refused, by the kind of what was missing. */
  readonly onUnauthorized: (missing: ClauseKind, outcome: UnauthorizedOutcome, fields: number) => void;
}

/** The authorization of a supergraph; undefined when it protects nothing. Throws `UnenforceableError`. */
export function createAuthorization(
  subject: PolicySubject,
  options: AuthorizationOptions,
): Pick<Policies, 'authorize' | 'isProtected'> | undefined {
  const table = readAuthorizationTable(subject.supergraph);
  const problems = findProblems(table, options.policies);
  if (problems.length > 0) throw new UnenforceableError(`The supergraph cannot be protected: ${problems.join('; ')}.`);
  if (table.fields.size === 0 && options.introspection.length === 0) return undefined;
  return new Authorization(table, subject, options);
}

function findProblems(table: AuthorizationTable, policies: NamedPolicies): string[] {
  const requirements = [...table.fields.values()].flatMap((fields) => [...fields.values()]);
  const names = new Set(requirements.flatMap(policyNamesOf));
  return [...names].sort().flatMap((name) => policies.problemOf(name) ?? []);
}

const code: ErrorCode = 'UNAUTHORIZED_FIELD_OR_TYPE';
const message = 'Unauthorized field or type';
const reasons: readonly Reason[] = [{ message, extensions: { code } }];

/** A field that not everybody may read, and the indexes of what its types require. */
interface ProtectedOccurrence {
  readonly occurrence: FieldOccurrence;
  readonly requirements: readonly number[];
}

/** What is decided for each request of an operation. */
interface DocumentCheck {
  readonly occurrences: readonly ProtectedOccurrence[];
  /** Indexes, each once. */
  readonly requirements: readonly number[];
  /** Those of them that a plan may meet by itself. */
  readonly keys: ReadonlySet<number>;
  /** Names of the functions that these ask. */
  readonly functions: readonly string[];
}

/** The requirements of which something is missing, by index. */
type Denied = ReadonlyMap<number, ClauseKind>;

const noAnswers: Answers = new Map();
/** Sets of requirements that somebody does not meet; more than this many are not remembered at once. */
const maxRemembered = 1_000;

class Authorization {
  /** Equal requirements have one index. */
  private readonly requirements: Requirement[] = [];
  private readonly indexes = new Map<string, ReadonlyMap<string, number>>();
  /** Of the fields that the keys of a type are made of. */
  private readonly keyIndexes = new Map<string, readonly number[]>();
  /** As documents ask them: an interface may have many objects, and a document many of its fields. */
  private readonly byCoordinate = new Map<string, readonly number[]>();
  private readonly keysByType = new Map<string, readonly number[]>();
  private readonly introspectionIndex: number;
  private readonly schema: GraphQLSchema;
  private readonly facts: OperationFacts;
  private readonly checks = new WeakMap<Operation, DocumentCheck>();
  private readonly exclusions = new Map<string, Exclusions>();

  constructor(
    table: AuthorizationTable,
    { apiSchema, facts }: PolicySubject,
    private readonly options: AuthorizationOptions,
  ) {
    this.schema = apiSchema;
    this.facts = facts;
    const known = new Map<string, number>();
    const indexOf = (requirement: Requirement): number => {
      const key = JSON.stringify(requirement);
      const index = known.get(key) ?? this.requirements.push(requirement) - 1;
      known.set(key, index);
      return index;
    };
    for (const [type, requirements] of table.keys) this.keyIndexes.set(type, requirements.map(indexOf));
    for (const [type, fields] of table.fields) {
      this.indexes.set(type, new Map([...fields].map(([name, requirement]) => [name, indexOf(requirement)])));
    }
    // An index of its own, though directives may require the same: a dry run does not open the schema.
    this.introspectionIndex = this.requirements.push(options.introspection) - 1;
    const queryType = apiSchema.getQueryType()?.name ?? '';
    const meta = ['__schema', '__type'].map((name) => [name, this.introspectionIndex] as const);
    this.indexes.set(queryType, new Map([...(this.indexes.get(queryType) ?? []), ...meta]));
  }

  /** Decides at once, unless functions have to be asked. */
  readonly authorize = (request: AdmissionRequest): Verdict | Promise<Verdict> => {
    const { operation, context } = request;
    const check = this.checkOf(operation);
    if (check.requirements.length === 0) return allowed;
    if (check.functions.length === 0) return this.decide(check, request, noAnswers);
    const asked = this.options.policies.ask(check.functions, operation, context);
    return asked.then((answers) => this.decide(check, request, answers));
  };

  readonly isProtected = (operation: Operation): boolean => this.checkOf(operation).requirements.length > 0;

  private checkOf(operation: Operation): DocumentCheck {
    let check = this.checks.get(operation);
    if (check) return check;
    const occurrences = this.facts.of(operation).flatMap((occurrence) => {
      const requirements = this.requirementsOf(occurrence);
      return requirements.length === 0 ? [] : [{ occurrence, requirements }];
    });
    const keys = new Set(this.facts.of(operation).flatMap((occurrence) => this.keysOf(occurrence)));
    const requirements = [...new Set([...keys, ...occurrences.flatMap((occurrence) => occurrence.requirements)])];
    requirements.sort((one, other) => one - other);
    const names = new Set(requirements.flatMap((index) => policyNamesOf(this.requirements[index] ?? [])));
    const functions = [...names].filter((name) => this.options.policies.isFunction(name));
    check = { occurrences, requirements, keys, functions };
    this.checks.set(operation, check);
    return check;
  }

  /** Of each type of object that may answer the field. */
  private requirementsOf({ parentType, field, coordinate }: FieldOccurrence): readonly number[] {
    return remember(this.byCoordinate, coordinate, () => {
      const types = this.typesOf(parentType);
      return [...new Set(types.flatMap(({ name }) => this.indexes.get(name)?.get(field.name) ?? []))];
    });
  }

  private keysOf({ parentType }: FieldOccurrence): readonly number[] {
    return remember(this.keysByType, parentType.name, () => {
      return [...new Set(this.typesOf(parentType).flatMap(({ name }) => this.keyIndexes.get(name) ?? []))];
    });
  }

  private typesOf(type: FieldOccurrence['parentType']): readonly GraphQLObjectType[] {
    return isObjectType(type) ? [type] : this.schema.getPossibleTypes(type);
  }

  private decide(check: DocumentCheck, { context, operation, variables }: AdmissionRequest, answers: Answers): Verdict {
    const { policies, dryRun } = this.options;
    const isMet = (name: string) => policies.isMet(name, context.identity, answers);
    const denied = new Map<number, ClauseKind>();
    for (const index of check.requirements) {
      const failing = failingClause(this.requirements[index] ?? [], context.identity, isMet);
      if (failing) denied.set(index, failing.kind);
    }
    if (denied.size === 0) return allowed;
    const refused = check.occurrences.filter(
      ({ occurrence, requirements }) =>
        requirements.some((index) => denied.has(index)) && isAsked(occurrence, variables.coerced),
    );
    if (!dryRun) {
      const verdict = this.refuse(denied, refused);
      // The client does not ask it by name: what becomes of it is known when there is a plan.
      const meetsKeys = verdict.kind === 'allowed' && [...denied.keys()].some((index) => check.keys.has(index));
      return meetsKeys ? { kind: 'partly', exclusions: this.exclude(denied) } : verdict;
    }
    const isOurs = ({ requirements }: ProtectedOccurrence) => requirements.includes(this.introspectionIndex);
    const reported = refused.filter((occurrence) => !isOurs(occurrence));
    const own = [...denied].filter(([index]) => index === this.introspectionIndex);
    const verdict = this.refuse(new Map(own), refused.filter(isOurs));
    if (reported.length === 0) return verdict;
    this.count(reported, denied, 'dry run');
    const paths = reported.slice(0, this.options.maxErrors).map(({ occurrence }) => responsePathOf(occurrence));
    context.log.info({ operation: operation.name, unauthorized: paths }, 'Authorization would refuse these fields');
    const authorizationErrors = paths.map((path) => ({ message, path, extensions: { code } }));
    return { ...verdict, extensions: { authorizationErrors } };
  }

  private refuse(denied: Denied, refused: readonly ProtectedOccurrence[]): Verdict {
    if (refused.length === 0) return allowed;
    if (this.options.mode === 'filter') {
      this.count(refused, denied, 'filtered');
      return { kind: 'partly', exclusions: this.exclude(denied) };
    }
    this.count(refused, denied, 'rejected');
    const paths = refused.slice(0, this.options.maxErrors).map(({ occurrence }) => responsePathOf(occurrence));
    return { kind: 'refused', errors: paths.map((path) => new ClientError(code, message, { path })) };
  }

  /** The same object for the same requirements: who lacks the same may share what is executed. */
  private exclude(denied: Denied): Exclusions {
    const key = [...denied.keys()].join();
    const known = this.exclusions.get(key);
    if (known) return known;
    const { indexes } = this;
    const hidden = new Set(denied.keys());
    const reasonOfField = (type: string, field: string): number | undefined => {
      const index = indexes.get(type)?.get(field);
      return index !== undefined && hidden.has(index) ? 0 : undefined;
    };
    const reasonOf = (type: GraphQLObjectType, { name }: FieldNode) => reasonOfField(type.name, name.value);
    const reasonOfKey = this.keyIndexes.size > 0 ? reasonOfField : undefined;
    const exclusions: Exclusions = { fields: { key, isByName: true, reasonOf, reasonOfKey }, reasons };
    if (this.exclusions.size >= maxRemembered) this.exclusions.clear();
    this.exclusions.set(key, exclusions);
    return exclusions;
  }

  private count(refused: readonly ProtectedOccurrence[], denied: Denied, outcome: UnauthorizedOutcome): void {
    const fields = new Map<ClauseKind, number>();
    for (const { requirements } of refused) {
      const kind = requirements.map((index) => denied.get(index)).find((missing) => missing !== undefined);
      if (kind) fields.set(kind, (fields.get(kind) ?? 0) + 1);
    }
    for (const [kind, number] of fields) this.options.onUnauthorized(kind, outcome, number);
  }
}

function remember<Value>(known: Map<string, Value>, key: string, find: () => Value): Value {
  const value = known.get(key) ?? find();
  known.set(key, value);
  return value;
}
