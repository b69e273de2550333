/**
 * The policies that `@policy` names: `role:NAME` is built in, others are made of claims by configuration, or are
 * functions of the host. In: names and who asks. Out: whether each is met. Clock: per request.
 * A function that throws, takes too long or answers anything but true refuses.
 */
import { claimAt } from '../context/claims';
import type { Identity, RequestContext } from '../context/request-context';
import type { Operation } from '../operation/document';
import { roleOfPolicy } from './requirements';

/** What a policy function is told. */
export interface PolicyContext {
  readonly identity: Identity;
  readonly requestId: string;
  readonly operation: { readonly type: Operation['type']; readonly name: string | undefined };
}

/** Decides once for an operation. To throw is to refuse, and is logged. */
export type PolicyFunction = (context: PolicyContext) => boolean | Promise<boolean>;

type ClaimValue = string | number | boolean;

export interface ClaimPolicy {
  readonly claim: string;
  readonly equals?: ClaimValue | undefined;
  readonly includes?: ClaimValue | undefined;
  readonly anyOf?: readonly ClaimValue[] | undefined;
}

export interface NamedPoliciesOptions {
  readonly claims: Readonly<Record<string, ClaimPolicy>>;
  readonly functions: Readonly<Record<string, PolicyFunction>>;
  readonly timeoutMs: number;
}

/** Answers of functions, by name. */
export type Answers = ReadonlyMap<string, boolean>;

export class NamedPolicies {
  private readonly claims: ReadonlyMap<string, ClaimPolicy>;
  private readonly functions: ReadonlyMap<string, PolicyFunction>;

  constructor(private readonly options: NamedPoliciesOptions) {
    this.claims = new Map(Object.entries(options.claims));
    this.functions = new Map(Object.entries(options.functions));
  }

  /** Why a policy cannot be decided; undefined when it can. */
  problemOf(name: string): string | undefined {
    const sources = [roleOfPolicy(name) !== undefined, this.claims.has(name), this.functions.has(name)].filter(Boolean);
    if (sources.length === 1) return undefined;
    if (sources.length > 1) return `policy "${name}" is defined more than once`;
    return `policy "${name}" is not defined: give a function for it, or a claim in authorization.policies`;
  }

  isFunction(name: string): boolean {
    return this.functions.has(name);
  }

  /** Whether a policy is met. `answers` are those of `ask` for the functions among them. */
  isMet(name: string, identity: Identity, answers: Answers): boolean {
    if (this.functions.has(name)) return answers.get(name) === true;
    if (identity.kind === 'anonymous') return false;
    const role = roleOfPolicy(name);
    if (role !== undefined) return identity.roles.includes(role);
    const policy = this.claims.get(name);
    return policy !== undefined && matches(claimAt(identity.claims, policy.claim), policy);
  }

  /** Asks functions, all at once and each once. Never rejects. */
  async ask(names: readonly string[], operation: Operation, context: RequestContext): Promise<Answers> {
    const { identity, id: requestId, deadline } = context;
    const told: PolicyContext = { identity, requestId, operation: { type: operation.type, name: operation.name } };
    const withinMs = Math.min(this.options.timeoutMs, Math.max(0, deadline.at - Date.now()));
    const answers = await Promise.all(
      names.map(async (name): Promise<[string, boolean]> => {
        try {
          return [name, (await within(withinMs, () => this.functions.get(name)?.(told))) === true];
        } catch (error) {
          context.log.error({ policy: name, error: String(error) }, 'A policy could not decide, and refuses');
          return [name, false];
        }
      }),
    );
    return new Map(answers);
  }
}

function matches(value: unknown, { equals, includes, anyOf }: ClaimPolicy): boolean {
  if (equals !== undefined) return value === equals;
  if (includes !== undefined) return Array.isArray(value) && value.includes(includes);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return anyOf?.some((wanted) => values.includes(wanted)) ?? false;
}

/** The result of `work`; rejects when it takes longer. */
async function within<T>(milliseconds: number, work: () => T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work(), elapsed]);
  } finally {
    clearTimeout(timer);
  }
}
