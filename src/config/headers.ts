/**
 * The `headers` section: rules, in order, for the headers that subgraphs get and for those that clients get of them.
 * In: one map a rule, of which the schema makes a variant by `kind`. Clock: per start.
 */
import { z } from 'zod';
// These have no say in an answer, and do not keep identical requests from sharing one: nothing else may hide there.
import { traceHeaderNames } from '../telemetry/traces';
import { headerName, hidden, list, text } from './values';

const operationKinds = ['query', 'mutation', 'subscription'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** What is known of a request besides its headers. */
const contextValues = ['requestId', 'clientAddress', 'subject', 'issuer', 'roles', 'scopes', 'tier'] as const;
export type ContextValue = (typeof contextValues)[number];

/** For which subgraphs and operations a rule is; absent: all. */
export interface RuleScope {
  readonly subgraphs?: readonly string[] | undefined;
  readonly operations?: readonly OperationKind[] | undefined;
}

export type HeaderOrigin =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'claim'; readonly claim: string }
  | { readonly kind: 'context'; readonly name: ContextValue };

export type RequestHeaderRule = RuleScope &
  (
    | {
        readonly kind: 'propagate';
        /** Names, or patterns that end in `*`. */
        readonly names: readonly string[];
        readonly as?: string | undefined;
        readonly default?: string | undefined;
      }
    | {
        readonly kind: 'set';
        readonly name: string;
        readonly from: HeaderOrigin;
        readonly default?: string | undefined;
      }
    | { readonly kind: 'remove'; readonly names: readonly string[] }
  );

const merges = ['first', 'last', 'append'] as const;

export type ResponseHeaderRule = RuleScope &
  (
    | {
        readonly kind: 'propagate';
        readonly names: readonly string[];
        readonly as?: string | undefined;
        /** Absent: all lines of `set-cookie`, the most restrictive `cache-control`, of others the last. */
        readonly merge?: (typeof merges)[number] | undefined;
      }
    | { readonly kind: 'set'; readonly name: string; readonly value: string }
    | { readonly kind: 'remove'; readonly names: readonly string[] }
  );

/** The gateway's own: no rule writes or removes them. */
const ownNames: readonly string[] = ['supergate-identity', 'x-request-id'];
/** Of answers: what the gateway says itself, and what would change how its bytes are read. */
const ownResponseNames: readonly string[] = [
  ...ownNames,
  'alt-svc',
  'content-type',
  'content-location',
  'content-security-policy',
  'date',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'server',
  'strict-transport-security',
  'www-authenticate',
];

const isOwn = (name: string) => ownNames.includes(name);
/** Whether a header of answers is the gateway's to send. */
export const isOwnOfAnswers = (name: string) => ownResponseNames.includes(name) || name.startsWith('access-control-');
const taken = { error: 'the gateway sends this header itself' };

const targetName = () =>
  headerName()
    .refine((name) => !isOwn(name), taken)
    .refine((name) => !traceHeaderNames.includes(name), { error: 'a trace is no place for other values' });
const responseName = () => headerName().refine((name) => !isOwnOfAnswers(name), taken);

/** `x-tenant`, `x-b3-*`, `*`. */
const pattern = () =>
  z
    .string()
    .regex(/^(\*|[!#$%&'+.^_`|~0-9a-z-]+\*?)$/, {
      error: 'expected a header name in lower case, or the beginning of one and "*"',
    })
    .refine((name) => name.endsWith('*') || headerName().safeParse(name).success, {
      error: 'this header belongs to one connection and is never forwarded',
    })
    .refine((name) => !isOwn(name), taken);

const headerValue = () =>
  z
    .string()
    .min(1, { error: 'must not be empty' })
    .regex(/^[\t\x20-\x7e]*$/, { error: 'expected printable ASCII: a header cannot hold control characters' });

const scopeShape = {
  subgraphs: z.array(text()).min(1).optional().describe('For these alone; absent: for all.'),
  operations: z
    .array(z.enum(operationKinds))
    .min(1)
    .optional()
    .describe('For requests to subgraphs of these kinds alone; absent: for all.'),
};

const actions = ['propagate', 'set', 'remove'] as const;
const origins = ['value', 'claim', 'context'] as const;
const isMap = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };

function given(rule: unknown, keys: readonly string[]): readonly string[] {
  return keys.filter((key) => (rule as Readonly<Record<string, unknown>>)[key] !== undefined);
}

const oneAction = {
  error: ({ input }: { input?: unknown }) =>
    `give exactly one of ${actions.join(', ')}; given: ${given(input, actions).join(', ') || 'none'}`,
  ...isMap,
};

/** A new name is for one header: several of it would overwrite each other. */
const isRenamable = ({ as, propagate }: { as?: string | undefined; propagate?: readonly string[] | undefined }) =>
  as === undefined ||
  (propagate?.length === 1 && !propagate[0]?.endsWith('*') && !traceHeaderNames.includes(propagate[0] ?? ''));
const renames = {
  error: '"as" needs "propagate" with one plain name, which is none of a trace',
  path: ['as'],
  ...isMap,
};

const requestRule = z
  .strictObject({
    propagate: z
      .array(pattern())
      .min(1)
      .optional()
      .describe("Pass these headers of the client's request on; `x-b3-*` is all that begin so, credentials excepted."),
    as: targetName().optional().describe('Under this name; for one header.'),
    set: targetName().optional().describe('Send this header, with one of `value`, `claim`, `context`.'),
    value: hidden(headerValue()).optional().describe('The value itself, which may be that of a variable.'),
    claim: text().optional().describe('The claim, or path of claims, of the token: text, number, boolean or a list.'),
    context: z.enum(contextValues).optional().describe('What the gateway knows of the request.'),
    default: headerValue().optional().describe('Sent when the client has no such header, or the token no such claim.'),
    remove: z.array(pattern()).min(1).optional().describe('Take back what rules before this one send.'),
    ...scopeShape,
  })
  .refine((rule) => given(rule, actions).length === 1, oneAction)
  .refine((rule) => given(rule, origins).length === (rule.set === undefined ? 0 : 1), {
    error: `"set" needs exactly one of ${origins.join(', ')}, and nothing else has one`,
    ...isMap,
  })
  .refine(isRenamable, renames)
  .refine(({ default: fallback, remove, value }) => fallback === undefined || (remove ?? value) === undefined, {
    error: '"default" is for "propagate", and for "set" with "claim" or "context"',
    path: ['default'],
    ...isMap,
  })
  .refine(
    ({ default: fallback, propagate = [] }) => fallback === undefined || !propagate.some((name) => name.endsWith('*')),
    {
      error: '"default" needs plain names',
      path: ['default'],
      ...isMap,
    },
  )
  .transform((rule): RequestHeaderRule => {
    const { propagate, as, set, value, claim, context, default: fallback, remove, ...scope } = rule;
    if (propagate !== undefined) return { kind: 'propagate', names: propagate, as, default: fallback, ...scope };
    if (remove !== undefined) return { kind: 'remove', names: remove, ...scope };
    const name = set ?? '';
    if (claim !== undefined) return { kind: 'set', name, from: { kind: 'claim', claim }, default: fallback, ...scope };
    if (context !== undefined)
      return { kind: 'set', name, from: { kind: 'context', name: context }, default: fallback, ...scope };
    return { kind: 'set', name, from: { kind: 'value', value: value ?? '' }, ...scope };
  });

const responseRule = z
  .strictObject({
    propagate: z
      .array(pattern().refine((name) => !isOwnOfAnswers(name), taken))
      .min(1)
      .optional()
      .describe("Pass these headers of subgraphs' answers on to the client; `x-b3-*` is all that begin so."),
    as: responseName().optional().describe('Under this name; for one header.'),
    merge: z
      .enum(merges)
      .optional()
      .describe(
        'Of several answers: the first, the last (the default), or all. Of `set-cookie` always all, of `cache-control` always the most restrictive.',
      ),
    set: responseName().optional().describe('Send this header with `value`.'),
    value: headerValue().optional().describe('The value itself.'),
    remove: z.array(pattern()).min(1).optional().describe('Take back what rules before this one pass on.'),
    ...scopeShape,
  })
  .refine((rule) => given(rule, actions).length === 1, oneAction)
  .refine(({ set, value }) => (set === undefined) === (value === undefined), {
    error: '"set" needs "value", and nothing else has one',
    ...isMap,
  })
  .refine(isRenamable, renames)
  .refine(({ merge, propagate }) => merge === undefined || propagate !== undefined, {
    error: '"merge" is for "propagate"',
    path: ['merge'],
    ...isMap,
  })
  .refine(({ set, subgraphs, operations }) => set === undefined || (subgraphs ?? operations) === undefined, {
    error: 'what is set is set on every answer, whoever is asked for it',
    path: ['set'],
    ...isMap,
  })
  .transform((rule): ResponseHeaderRule => {
    const { propagate, as, merge, set, value, remove, ...scope } = rule;
    if (propagate !== undefined) return { kind: 'propagate', names: propagate, as, merge, ...scope };
    if (remove !== undefined) return { kind: 'remove', names: remove, ...scope };
    return { kind: 'set', name: set ?? '', value: value ?? '' };
  });

export const headersSchema = z
  .strictObject({
    requests: list(requestRule).describe('What subgraphs get: rules, applied in order.'),
    responses: list(responseRule).describe('What clients get of the headers of subgraphs: rules, applied in order.'),
  })
  .prefault({});

/** The rules that are for a subgraph and a kind of operation. */
export function rulesFor<R extends RuleScope>(
  rules: readonly R[],
  subgraph: string,
  kind: OperationKind,
): readonly R[] {
  return rules.filter(
    ({ subgraphs, operations }) => (subgraphs?.includes(subgraph) ?? true) && (operations?.includes(kind) ?? true),
  );
}

/** Splits names into plain ones and the beginnings that patterns give. */
export function splitPatterns(names: readonly string[]): {
  readonly exact: readonly string[];
  readonly prefixes: readonly string[];
} {
  return {
    exact: names.filter((name) => !name.endsWith('*')),
    prefixes: names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)),
  };
}
