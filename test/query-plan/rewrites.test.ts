import { compileRewrites } from '../../src/query-plan/rewrites';
import type { SupergraphTypes } from '../../src/query-plan/supergraph-types';

const types = {
  matches: (typeName: string, condition: string) => typeName === condition,
  isObject: () => true,
} as unknown as SupergraphTypes;

describe('renamed keys of an answer', () => {
  it('are renamed where objects are of the type, in lists and below other renamed keys', () => {
    const rewrite = compileRewrites(
      [
        { kind: 'KeyRenamer', path: ['named', '... on User', 'label__a'], renameKeyTo: 'label' },
        { kind: 'KeyRenamer', path: ['named', '... on User', 'label__a', 'name__a'], renameKeyTo: 'name' },
      ],
      types,
    );
    const data = {
      named: [
        { __typename: 'User', label__a: { name__a: 1 } },
        { __typename: 'Post', label__a: 2 },
      ],
    };
    rewrite?.(data);
    expect(data).toEqual({
      named: [
        { __typename: 'User', label: { name: 1 } },
        { __typename: 'Post', label__a: 2 },
      ],
    });
  });

  it('join what an object answers under both names', () => {
    const rewrite = compileRewrites([{ kind: 'KeyRenamer', path: ['history__a'], renameKeyTo: 'history' }], types);
    const data = { history: { kind: 'k' }, history__a: { id: 10 } };
    rewrite?.(data);
    expect(data).toEqual({ history: { kind: 'k', id: 10 } });
    const nothing = { history__a: null };
    rewrite?.(nothing);
    expect(nothing).toEqual({ history: null });
  });
});
