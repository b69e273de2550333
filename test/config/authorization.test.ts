/** The section `authorization`, and who may introspect. Real: the file on disk. Observed: its value, or every problem. */
import { createYamlFile } from './yaml-file';

const { configOf, problemsOf, remove } = createYamlFile();
afterAll(remove);

describe('authorization', () => {
  it('filters by default', () => {
    expect(configOf('').authorization).toEqual({ mode: 'filter', dryRun: false, policyTimeoutMs: 1_000, policies: {} });
  });

  it('takes policies of claims, each with one comparison', () => {
    const text =
      'authorization: { policies: { paid: { claim: a.b, anyOf: [gold, 2, true] }, own: { claim: c, equals: x } } }';
    expect(configOf(text).authorization.policies).toEqual({
      paid: { claim: 'a.b', anyOf: ['gold', 2, true] },
      own: { claim: 'c', equals: 'x' },
    });
    for (const comparisons of ['', ', equals: x, includes: y', ', anyOf: [x], equals: x']) {
      const [message] = problemsOf(`authorization: { policies: { p: { claim: c${comparisons} } } }`);
      expect(message).toContain('give exactly one of equals, includes, anyOf');
    }
  });

  it('refuses names that are built in, and modes that there are not', () => {
    const [name] = problemsOf('authorization: { policies: { "role:ADMIN": { claim: c, equals: x } } }');
    expect(name).toContain('"role:" names are built in');
    expect(problemsOf('authorization: { mode: log }')).toHaveLength(1);
  });
});

describe('introspection and the explorer', () => {
  it('are for all, for nobody, or for some', () => {
    const { server } = configOf('server: { introspection: { roles: [ADMIN] }, explorer: { scopes: [dev, ops] } }');
    expect(server.introspection).toEqual({ roles: ['ADMIN'], scopes: [] });
    expect(server.explorer).toEqual({ roles: [], scopes: ['dev', 'ops'] });
    expect(configOf('server: { introspection: false }').server.introspection).toBe(false);
  });

  it.each(['{}', '{ roles: [] }', '{ role: [ADMIN] }', 'yes please'])('are not for %s', (audience) => {
    expect(problemsOf(`server: { introspection: ${audience} }`).length).toBeGreaterThan(0);
  });
});
