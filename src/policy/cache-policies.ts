/**
 * How long an answer holds, and for whom: the hints of a supergraph in, one policy for each operation out. The least of
 * all its fields counts, as Apollo Server documents it, whatever conditions a field has; what may not be read by
 * everybody is private. Clock: per supergraph (hints), per document (policy).
 */
import { createHash } from 'node:crypto';
import {
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isObjectType,
  print,
} from 'graphql';
import type { Operation } from '../operation/document';
import { type FieldOccurrence, isAsked } from '../operation/facts';
import type { SlicedWork } from '../slices';
import type { PolicySubject } from './admission';
import { argumentValue } from './argument-values';
import { type CacheHint, readCacheHints } from './cache-declarations';
import { type DeclaredTags, readDeclaredTags } from './cache-tag-declarations';
import { type AnswerTags, readEntityKeys, tagsOfOperation } from './cache-tags';
import type { AnswerVarying } from './cache-varying';
import { UnenforceableError } from './links';

/** Of the answers of one query, as far as it is known before it is asked. */
export interface CachePolicy {
  readonly kind: 'query';
  /** The same for operations that ask the same in the same words. */
  readonly digest: string;
  /** More than 0. */
  readonly maxAgeMs: number;
  /** Answers are of whoever asks. */
  readonly isPrivate: boolean;
  readonly tags: AnswerTags;
  /** What its root fields declare, for these values of the variables (coerced). */
  declared(variables: Readonly<Record<string, unknown>>): readonly string[];
}

/** What a mutation makes old. */
export interface Invalidation {
  readonly kind: 'mutation';
  readonly tags: AnswerTags | undefined;
  /** What the configuration adds for these values of the variables (coerced). */
  configured(variables: Readonly<Record<string, unknown>>): readonly string[];
}

/** `none`: it is never kept, and makes nothing old. */
export type KnownPolicy = CachePolicy | Invalidation | 'none';

export interface CachePolicies {
  readonly varying: AnswerVarying;
  /** Tags as operators and the configuration give them, and those that they stand for. */
  meantBy(tags: readonly string[]): readonly string[];
  /** Once for each operation; later for a long one, which is read in slices. */
  of(operation: Operation): KnownPolicy | Promise<KnownPolicy>;
}

/** What became of an answer that might have been kept. */
export type CacheOutcome = 'hit' | 'miss' | 'stale' | 'unavailable';

export interface CacheObserver {
  looked(outcome: CacheOutcome): void;
  /** So many tags were called old. */
  invalidated(tags: number): void;
  /** `read` tells how much memory answers take. */
  observe(read: () => number): void;
}

export interface CachePoliciesOptions {
  readonly varying: AnswerVarying;
  readonly defaultMaxAgeMs: number;
  /** Whether the entities that a mutation answers are old after it. */
  readonly invalidateByMutations: boolean;
  /** Tags by the name of a mutation's field: `{ deletePost: ['Post:{id}'] }`. */
  readonly invalidations: Readonly<Record<string, readonly string[]>>;
}

/** The supergraph, and which operations ask what not everybody may read. */
export interface CacheSubject extends PolicySubject {
  readonly isProtected: (operation: Operation) => boolean;
}

/** Undefined where nothing may be kept. Throws `UnenforceableError`. */
export function createCachePolicies(subject: CacheSubject, options: CachePoliciesOptions): CachePolicies | undefined {
  const { hints, problems } = readCacheHints(subject.supergraph, 'supergraph');
  if (problems.length > 0) {
    throw new UnenforceableError(problems.map(({ coordinate, message }) => `${coordinate}: ${message}`).join('\n'));
  }
  if (hints.size === 0 && options.defaultMaxAgeMs === 0) return undefined;
  const keys = readEntityKeys(subject.supergraph);
  const declared = readDeclaredTags(subject.supergraph, keys);
  if (declared.problems.length > 0) throw new UnenforceableError(declared.problems.join('\n'));
  const table = new HintTable(hints, subject.apiSchema, options.defaultMaxAgeMs);
  return new OperationPolicies(subject, table, keys, declared, options);
}

class OperationPolicies implements CachePolicies {
  private readonly known = new WeakMap<Operation, KnownPolicy>();
  private readonly reading = new WeakMap<Operation, Promise<KnownPolicy>>();

  readonly varying: AnswerVarying;
  readonly meantBy: CachePolicies['meantBy'];

  constructor(
    private readonly subject: CacheSubject,
    private readonly table: HintTable,
    private readonly keys: ReadonlyMap<string, string>,
    private readonly declared: DeclaredTags,
    private readonly options: CachePoliciesOptions,
  ) {
    this.varying = options.varying;
    this.meantBy = declared.meantBy;
  }

  of(operation: Operation): KnownPolicy | Promise<KnownPolicy> {
    const known = this.known.get(operation) ?? this.reading.get(operation);
    if (known !== undefined) return known;
    const begun = this.subject.slices.begin(this.read(operation));
    if (!begun) return this.known.get(operation) ?? 'none';
    const reading = begun.then(() => this.known.get(operation) ?? 'none');
    this.reading.set(operation, reading);
    return reading;
  }

  private *read(operation: Operation): SlicedWork<void> {
    const policy =
      operation.type === 'mutation' ? yield* this.invalidationOf(operation) : yield* this.policyOf(operation);
    this.known.set(operation, policy ?? 'none');
  }

  private *policyOf(operation: Operation): SlicedWork<CachePolicy | undefined> {
    if (operation.type !== 'query') return undefined;
    const { facts, apiSchema, isProtected } = this.subject;
    const occurrences = yield* facts.read(operation);
    let maxAgeMs = Number.POSITIVE_INFINITY;
    let isPrivate = false;
    for (const occurrence of occurrences) {
      // What is told of the schema is no data.
      if (occurrence.field.name.startsWith('__')) return undefined;
      const part = this.table.ofField(occurrence);
      maxAgeMs = Math.min(maxAgeMs, part.maxAgeMs ?? maxAgeMs);
      isPrivate ||= part.isPrivate;
      if (maxAgeMs === 0) return undefined;
      yield;
    }
    if (maxAgeMs === Number.POSITIVE_INFINITY) return undefined;
    const tags = yield* tagsOfOperation(occurrences, this.keys, apiSchema);
    return {
      kind: 'query',
      digest: digestOf(operation),
      maxAgeMs,
      isPrivate: isPrivate || isProtected(operation),
      tags,
      declared: tagsOfRootFields(occurrences, ({ coordinate }) => this.declared.fields.get(coordinate) ?? []),
    };
  }

  private *invalidationOf(operation: Operation): SlicedWork<Invalidation | undefined> {
    const { facts, apiSchema } = this.subject;
    const { invalidateByMutations, invalidations } = this.options;
    const occurrences = yield* facts.read(operation);
    const tags = invalidateByMutations ? yield* tagsOfOperation(occurrences, this.keys, apiSchema) : undefined;
    const isConfigured = occurrences.some(({ parent, field }) => !parent && Object.hasOwn(invalidations, field.name));
    if (!tags && !isConfigured) return undefined;
    const configured = tagsOfRootFields(occurrences, ({ field }) =>
      Object.hasOwn(invalidations, field.name) ? (invalidations[field.name] ?? []) : [],
    );
    return { kind: 'mutation', tags, configured: (variables) => this.meantBy(configured(variables)) };
  }
}

/** The tags of the root fields that are asked, with the values of their arguments. */
function tagsOfRootFields(
  occurrences: readonly FieldOccurrence[],
  formatsOf: (occurrence: FieldOccurrence) => readonly string[],
): (variables: Readonly<Record<string, unknown>>) => readonly string[] {
  const tagged = occurrences.filter((occurrence) => !occurrence.parent && formatsOf(occurrence).length > 0);
  return (variables) =>
    tagged
      .filter((occurrence) => isAsked(occurrence, variables))
      .flatMap((occurrence) => formatsOf(occurrence).map((format) => fillIn(format, occurrence, variables)));
}

function digestOf({ node, fragments }: Operation): string {
  const hash = createHash('sha256').update(print(node));
  for (const fragment of fragments.values()) hash.update(print(fragment));
  return hash.digest('base64url');
}

/** `Post:{input.id}` with the arguments of the field. */
function fillIn(
  tag: string,
  { field, nodes: [node] }: FieldOccurrence,
  variables: Readonly<Record<string, unknown>>,
): string {
  return tag.replace(/\{([^{}]*)\}/g, (_, path: string) =>
    String(argumentValue(field, node, path.split('.'), variables) ?? ''),
  );
}

/** What a field, or a type, says of the answers that hold it. */
interface Part {
  /** Undefined: nothing of its own. */
  readonly maxAgeMs: number | undefined;
  readonly inherits: boolean;
  readonly isPrivate: boolean;
}

class HintTable {
  private readonly fields = new Map<string, Part>();
  private readonly types = new Map<string, Part>();

  constructor(
    private readonly hints: ReadonlyMap<string, readonly CacheHint[]>,
    private readonly schema: GraphQLSchema,
    private readonly defaultMaxAgeMs: number,
  ) {}

  /** The least of what any object may say that answers the field. */
  ofField({ parentType, field, coordinate, parent }: FieldOccurrence): Part {
    let part = this.fields.get(coordinate);
    if (!part) {
      const target = getNamedType(field.type);
      const ofTarget = isCompositeType(target) ? this.ofType(target) : undefined;
      const shared = this.hints.get(coordinate) ?? [];
      const declared = isObjectType(parentType)
        ? [shared]
        : this.schema
            .getPossibleTypes(parentType)
            .map(({ name }) => [...shared, ...(this.hints.get(`${name}.${field.name}`) ?? [])]);
      part = least(declared.map((hints) => this.decide(join(hints), ofTarget, parent === undefined)));
      this.fields.set(coordinate, part);
    }
    return part;
  }

  /** A field's own age stands above that of its type; without either there is none, unless it takes its parent's. */
  private decide(own: Part, target: Part | undefined, isRoot: boolean): Part {
    const isPrivate = own.isPrivate || (target?.isPrivate ?? false);
    const declared = own.maxAgeMs ?? target?.maxAgeMs;
    const inherits = own.inherits || target === undefined || target.inherits;
    const maxAgeMs = declared ?? (isRoot || !inherits ? this.defaultMaxAgeMs : undefined);
    return { maxAgeMs, inherits, isPrivate };
  }

  private ofType(type: GraphQLCompositeType): Part {
    let part = this.types.get(type.name);
    if (!part) {
      const own = this.declaredOf(type);
      part = isObjectType(type)
        ? own
        : joinMembers(
            own,
            this.schema.getPossibleTypes(type).map((member) => this.declaredOf(member)),
          );
      this.types.set(type.name, part);
    }
    return part;
  }

  private declaredOf({ name }: GraphQLCompositeType | GraphQLObjectType): Part {
    return join(this.hints.get(name) ?? []);
  }
}

/** Several declarations of one thing, of several subgraphs. */
function join(hints: readonly CacheHint[]): Part {
  const ages = hints.flatMap(({ maxAgeMs }) => maxAgeMs ?? []);
  return {
    maxAgeMs: ages.length > 0 ? Math.min(...ages) : undefined,
    inherits: hints.some(({ inherits }) => inherits),
    isPrivate: hints.some(({ isPrivate }) => isPrivate),
  };
}

/** An interface or union says what it says itself, and no more than its members do. */
function joinMembers(own: Part, members: readonly Part[]): Part {
  const says = ({ maxAgeMs, inherits }: Part) => maxAgeMs !== undefined || inherits;
  const isPrivate = own.isPrivate || members.some((member) => member.isPrivate);
  if (!says(own) && !members.every(says)) return { maxAgeMs: undefined, inherits: false, isPrivate };
  const ages = [own, ...members].flatMap(({ maxAgeMs }) => maxAgeMs ?? []);
  return { maxAgeMs: ages.length > 0 ? Math.min(...ages) : undefined, inherits: true, isPrivate };
}

function least(parts: readonly Part[]): Part {
  const ages = parts.flatMap(({ maxAgeMs }) => maxAgeMs ?? []);
  return {
    maxAgeMs: ages.length > 0 ? Math.min(...ages) : undefined,
    inherits: parts.every(({ inherits }) => inherits),
    isPrivate: parts.some(({ isPrivate }) => isPrivate),
  };
}
