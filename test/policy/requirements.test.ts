import { failingClause, imply, isOfAudience, joinRequirements, type Requirement } from '../../src/policy/requirements';
import { nobody, someone } from '../support/identities';

const scopes = (...anyOf: string[][]): Requirement => [{ kind: 'scopes', anyOf }];
const policies = (...anyOf: string[][]): Requirement => [{ kind: 'policies', anyOf }];
const signedIn: Requirement = [{ kind: 'authenticated' }];

describe('a requirement', () => {
  const fails = (requirement: Requirement, identity = someone(), met: readonly string[] = []) =>
    failingClause(requirement, identity, (name) => met.includes(name))?.kind;

  it('holds when every clause does, each by any of its lists', () => {
    expect(fails([])).toBeUndefined();
    expect(fails(signedIn, nobody)).toBe('authenticated');
    expect(fails(signedIn)).toBeUndefined();
    expect(fails(scopes(['a', 'b'], ['c']), someone({ scopes: ['a', 'c'] }))).toBeUndefined();
    expect(fails(scopes(['a', 'b'], ['c']), someone({ scopes: ['a'] }))).toBe('scopes');
    expect(fails(policies(['p', 'q']), someone(), ['p'])).toBe('policies');
    expect(fails([...policies(['p']), ...scopes(['a'])], someone(), ['p'])).toBe('scopes');
  });

  it('without any list holds for nobody, with an empty list for all', () => {
    expect(fails(scopes(), someone({ scopes: ['a'] }))).toBe('scopes');
    expect(fails(policies())).toBe('policies');
    expect(fails(scopes([]), nobody)).toBeUndefined();
  });

  it('of scopes holds for no anonymous request', () => {
    expect(fails(scopes(['a']), nobody)).toBe('scopes');
  });

  it('joined with another has each clause once, in one order', () => {
    const one = joinRequirements(scopes(['a']), signedIn, scopes(['a']));
    expect(one).toEqual(joinRequirements(signedIn, scopes(['a'])));
    expect(one).toHaveLength(2);
  });
});

describe('implication', () => {
  it.each<[string, Requirement[], Requirement, boolean]>([
    ['nothing is implied by nothing', [], [], true],
    ['being signed in by being signed in', [signedIn, []], signedIn, true],
    ['being signed in by scopes: not', [scopes(['a'])], signedIn, false],
    [
      'all combinations, as composition writes them',
      [scopes(['a'], ['b']), scopes(['c'])],
      scopes(['a', 'c'], ['b', 'c']),
      true,
    ],
    ['a part of the combinations: not', [scopes(['a'], ['b']), scopes(['c'])], scopes(['a', 'c']), false],
    ['less by more', [scopes(['a', 'b'])], scopes(['a']), true],
    ['more by less: not', [scopes(['a'])], scopes(['a', 'b']), false],
    ['policies by scopes of the same name: not', [scopes(['a'])], policies(['a']), false],
    ['what nobody meets implies anything of its kind', [scopes()], scopes(['a']), true],
  ])('%s', (_what, given, wanted, expected) => {
    expect(imply(given, wanted)).toBe(expected);
  });

  it('is denied where there are too many combinations to look at', () => {
    const many = Array.from({ length: 12 }, (_, index) => scopes([`a${index}`], [`b${index}`]));
    expect(imply(many, scopes(['a0'], ['b0']))).toBe(false);
  });
});

describe('an audience', () => {
  it('is whoever has one of the roles and all of the scopes', () => {
    const audience = { roles: ['ADMIN', 'DEV'], scopes: ['x', 'y'] };
    expect(isOfAudience(someone({ roles: ['DEV'], scopes: ['y', 'x'] }), audience)).toBe(true);
    expect(isOfAudience(someone({ roles: ['DEV'], scopes: ['x'] }), audience)).toBe(false);
    expect(isOfAudience(someone({ scopes: ['x', 'y'] }), audience)).toBe(false);
    expect(isOfAudience(nobody, { roles: ['ADMIN'], scopes: [] })).toBe(false);
    expect(isOfAudience(someone({ scopes: ['x'] }), { roles: [], scopes: ['x'] })).toBe(true);
  });
});
