/**
 * Whether an operation may run, and what of it: the words in which policies decide and the way carries it out.
 * Types, and how the decisions of two policies become one. Clock: per request; nothing here decides by itself.
 */
import { type DocumentNode, type FieldNode, type GraphQLObjectType, type GraphQLSchema, isObjectType } from 'graphql';
import type { RequestContext } from '../context/request-context';
import type { ClientError } from '../errors';
import type { Operation } from '../operation/document';
import type { FieldOccurrence, OperationFacts } from '../operation/facts';
import type { CheckedVariables } from '../operation/variables';
import type { Slices } from '../slices';

/** The error that stands at each place of an excluded field. */
export interface Reason {
  readonly message: string;
  /** With the `code`. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

/**
 * Which fields of an operation are excluded. What is prepared with it is shared by all requests with an equal `key`,
 * and outlives this one: nothing of the request may hang on it.
 */
export interface ExcludedFields {
  /** Of one operation: equal keys exclude the same fields, for reasons of the same index. Never empty. */
  readonly key: string;
  /** The index of the reason why objects of `type` do not answer the field that `node` asks; undefined when they do. */
  reasonOf(type: GraphQLObjectType, node: FieldNode): number | undefined;
  /** Whether a field's name decides alone, and not which of its nodes is meant. */
  readonly isByName?: boolean;
  /** The same for a field that a plan fetches, as a key, without the client: what hangs on it is excluded with it. */
  readonly reasonOfKey?: ((typeName: string, fieldName: string) => number | undefined) | undefined;
}

/** What a request does not get, and why. Policies hand out one object again only where all of it is the same. */
export interface Exclusions {
  readonly fields: ExcludedFields;
  /** By index. */
  readonly reasons: readonly Reason[];
}

/** What is told in `extensions` beside the answer. */
interface Told {
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

export type Verdict =
  | ({ readonly kind: 'allowed' } & Told)
  /** The rest of it may run. `ifNothingRuns`: refuses the whole operation when there is no rest. */
  | ({
      readonly kind: 'partly';
      readonly exclusions: Exclusions;
      readonly ifNothingRuns?: readonly ClientError[];
    } & Told)
  | ({ readonly kind: 'refused'; readonly errors: readonly ClientError[] } & Told);

export const allowed: Verdict = { kind: 'allowed' };

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly variables: CheckedVariables;
  readonly context: RequestContext;
}

/** What an operation costs, or why that is too much. */
export type Weighed =
  | ({
      readonly kind: 'weighed';
      readonly estimated: number;
      /** Counts the data of the answer, and says what is told instead of `extensions`. Undefined: nobody counts. */
      readonly count: ((data: unknown) => Told['extensions'] | undefined) | undefined;
    } & Told)
  | Extract<Verdict, { kind: 'refused' }>;

/** The policies of one generation. Where there are none, nothing is asked. */
export interface Policies {
  /**
   * What is read of a document once, in slices where it is long: what is asked below finds it done. Undefined when there
   * is nothing to wait for.
   */
  readonly readAhead?: ((operation: Operation) => Promise<void> | undefined) | undefined;
  /** Before planning. May not reject for what a client did. */
  readonly authorize?: ((request: AdmissionRequest) => Verdict | Promise<Verdict>) | undefined;
  /** Whether an operation asks what not everybody may read; absent where all may read all. */
  readonly isProtected?: ((operation: Operation) => boolean) | undefined;
  /** What is left costs; before planning. */
  readonly weigh?: ((request: AdmissionRequest, exclusions: Exclusions | undefined) => Weighed) | undefined;
  /** Charges what authorization left (`exclusions` are its own), once that can be planned; `cost` is its estimate. */
  readonly limit?:
    | ((request: AdmissionRequest, exclusions: Exclusions | undefined, cost: number) => Verdict | Promise<Verdict>)
    | undefined;
  /** The same for a request to a REST route that is no operation. */
  readonly limitRoute?: ((context: RequestContext) => Verdict | Promise<Verdict>) | undefined;
}

/** The supergraph that policies are made for. */
export interface PolicySubject {
  readonly supergraph: DocumentNode;
  readonly apiSchema: GraphQLSchema;
  readonly facts: OperationFacts;
  readonly slices: Slices;
}

/** Throws when what the supergraph demands cannot be enforced: it is not served then. Undefined: it demands nothing. */
export type CreatePolicies = (subject: PolicySubject) => Policies | undefined;

/** Whether no object answers the field at its place. */
export function isExcluded(
  { parentType, nodes: [node] }: FieldOccurrence,
  { fields }: Exclusions,
  schema: GraphQLSchema,
): boolean {
  const objects = isObjectType(parentType) ? [parentType] : schema.getPossibleTypes(parentType);
  return objects.every((type) => fields.reasonOf(type, node) !== undefined);
}

/** Both exclusions as one; of a field that both exclude the first one's reason counts. Keys are the first one's. */
export function joinExclusions(first: Exclusions | undefined, second: Exclusions | undefined): Exclusions | undefined {
  if (!first || !second) return first ?? second;
  const offset = first.reasons.length;
  const [before, after] = [first.fields, second.fields];
  const reasonOf = (type: GraphQLObjectType, node: FieldNode): number | undefined => {
    const reason = after.reasonOf(type, node);
    return before.reasonOf(type, node) ?? (reason === undefined ? undefined : offset + reason);
  };
  return {
    fields: {
      key: `${offset}:${before.key.length}:${before.key}${after.key}`,
      reasonOf,
      reasonOfKey: before.reasonOfKey,
    },
    reasons: [...first.reasons, ...second.reasons],
  };
}
