import type { FetchNode } from '@apollo/query-planner';
import { applyAliases } from '../../src/supergraph/plan-aliases';

function fetch(operation: string, renamed: readonly (readonly [path: string, to: string])[]): FetchNode {
  const outputRewrites = renamed.map(([path, renameKeyTo]) => ({
    kind: 'KeyRenamer' as const,
    path: path.split('/'),
    renameKeyTo,
  }));
  return {
    kind: 'Fetch',
    serviceName: 'one',
    operationName: undefined,
    operation,
    operationKind: 'query' as FetchNode['operationKind'],
    outputRewrites,
  };
}

describe('a fetch whose answer is renamed', () => {
  it('gets the aliases that the planner wrote down and forgot', () => {
    const planned = fetch('{a{...on T{b__alias_0:b{...on M{name}...on S{name}}}...on A{b{...on M{name}}}}}', [
      ['a/... on T/b__alias_0', 'b'],
      ['a/... on T/b__alias_0/... on S/name__alias_0', 'name'],
    ]);
    expect(applyAliases(planned).operation).toBe(
      '{a{...on T{b__alias_0:b{...on M{name}...on S{name__alias_0:name}}}...on A{b{...on M{name}}}}}',
    );
  });

  it('keeps those that it has, and the arguments of what gets one', () => {
    const text = '{a{...on S{x__alias_0:x ...on M{c:x}x(in:1)}}}';
    expect(applyAliases(fetch(text, [['a/... on S/x__alias_0', 'x']])).operation).toBe(text);
    expect(applyAliases(fetch('{a{x(in:1){y}}}', [['a/x__alias_0', 'x']])).operation).toBe(
      '{a{x__alias_0:x(in:1){y}}}',
    );
  });

  it('is asked for entities below `_entities`', () => {
    const entities = {
      ...fetch('query($representations:[_Any!]!){_entities(representations:$representations){...on S{name}}}', [
        ['... on S/name__alias_0', 'name'],
      ]),
      requires: [],
    };
    expect(applyAliases(entities).operation).toBe(
      'query($representations:[_Any!]!){_entities(representations:$representations){...on S{name__alias_0:name}}}',
    );
  });

  it('is left alone when nothing is renamed', () => {
    const { outputRewrites: _none, ...plain } = fetch('{ a }', []);
    expect(applyAliases(plain)).toBe(plain);
  });
});
