import { buildSchema, parse } from 'graphql';
import { OperationFacts } from '../../src/operation/facts';
import { createAuthorization } from '../../src/policy/authorization';
import { type ClaimPolicy, NamedPolicies, type PolicyFunction } from '../../src/policy/named-policies';
import { Slices } from '../../src/slices';

/** Plain data: a supergraph and the policies that there are. Observed: whether it may be served. */
const links = ['authenticated', 'requiresScopes', 'policy']
  .map((name) => `@link(url: "https://specs.apollo.dev/${name}/v0.1", for: SECURITY)`)
  .join(' ');

function create(
  field: string,
  functions: Readonly<Record<string, PolicyFunction>> = {},
  claims: Readonly<Record<string, ClaimPolicy>> = {},
) {
  const apiSchema = buildSchema('type Query { a: Int }');
  const schema = `schema @link(url: "https://specs.apollo.dev/link/v1.0") ${links} { query: Query }`;
  return createAuthorization(
    {
      supergraph: parse(`${schema} type Query { a: Int ${field} }`),
      apiSchema,
      facts: new OperationFacts(apiSchema),
      slices: new Slices(),
    },
    {
      mode: 'filter',
      dryRun: false,
      policies: new NamedPolicies({ claims, functions, timeoutMs: 10 }),
      introspection: [],
      maxErrors: 10,
      onUnauthorized: () => {},
    },
  );
}

describe('a supergraph with policies', () => {
  const protectedField = '@policy(policies: [["vip", "role:ADMIN"], ["other"]])';
  const vip = () => true;
  const claim: ClaimPolicy = { claim: 'x', equals: 1 };

  it('is served when functions and claims define them', () => {
    expect(create(protectedField, { vip }, { other: claim })?.authorize).toBeInstanceOf(Function);
  });

  it('is not when one is missing, and every missing one is told', () => {
    expect(() => create(protectedField)).toThrow(/policy "other" is not defined: .*; policy "vip" is not defined/);
    expect(() => create(protectedField, { vip })).toThrow('policy "other" is not defined');
  });

  it('is not when one is defined twice: nobody could tell which counts', () => {
    const claims = { vip: claim, other: claim };
    expect(() => create(protectedField, { vip }, claims)).toThrow('policy "vip" is defined more than once');
    const functions = { vip, other: vip, 'role:ADMIN': vip };
    expect(() => create(protectedField, functions)).toThrow('policy "role:ADMIN" is defined more than once');
  });

  it('does not take what every object has for a policy', () => {
    expect(() => create('@policy(policies: [["constructor"]])')).toThrow('policy "constructor" is not defined');
    expect(() => create('@policy(policies: [["__proto__"]])')).toThrow('policy "__proto__" is not defined');
  });

  it('that protects nothing costs nothing', () => {
    expect(create('')).toBeUndefined();
  });
});
