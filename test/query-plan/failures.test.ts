import { Failures } from '../../src/query-plan/failures';

const failure = (message: string) => ({ message, extensions: {} });
const unanswered = { ...failure('not answered'), isOfUnanswered: true } as const;
const expected = [{ name: 'price', selection: undefined }];

describe('a failure of what nobody answered', () => {
  it('explains what is missing, and no null that somebody answers later', () => {
    const failures = new Failures();
    const target: Record<string, unknown> = {};
    failures.placeAtMissing(target, expected, unanswered);
    expect(failures.explain(target, 'price', undefined)).toEqual([{ failure: unanswered, path: ['price'] }]);
    expect(failures.explain(target, 'price', null)).toBeUndefined();
  });

  it('gives way to a failure that is known later', () => {
    const failures = new Failures();
    const target: Record<string, unknown> = {};
    failures.placeAtMissing(target, expected, unanswered);
    failures.placeAtMissing(target, expected, failure('no connection'));
    for (const value of [null, undefined]) {
      expect(failures.explain(target, 'price', value)).toEqual([
        { failure: failure('no connection'), path: ['price'] },
      ]);
    }
  });

  it('does not take the place of one that is known', () => {
    const failures = new Failures();
    const target: Record<string, unknown> = {};
    failures.placeAtMissing(target, expected, failure('no connection'));
    failures.placeAtMissing(target, expected, unanswered);
    expect(failures.explain(target, 'price', undefined)).toEqual([
      { failure: failure('no connection'), path: ['price'] },
    ]);
  });
});

describe('a failure that emptied more than where it happened', () => {
  it('explains what is missing below what others answered, as a consequence', () => {
    const failures = new Failures();
    const inner = {};
    const selection = [{ name: 'amount', selection: undefined }];
    failures.placeAtMissing({ price: inner }, [{ name: 'price', selection }], failure('failed'), ['tax']);
    expect(failures.explain(inner, 'amount', undefined)).toEqual([
      { failure: failure('failed'), path: ['amount'], isConsequence: true },
    ]);
  });

  it('moves to where it happened once another subgraph has answered the rest of a null', () => {
    const failures = new Failures();
    const target: Record<string, unknown> = { parts: [null] };
    failures.placeAtPath(target, ['parts', 0, 'length'], failure('failed'));
    const part = { items: true };
    const parts = [part];
    failures.moveBelow(target.parts as object, 0, part);
    expect(failures.explain(parts, 0, undefined)).toBeUndefined();
    expect(failures.explain(part, 'length', undefined)).toEqual([{ failure: failure('failed'), path: ['length'] }]);
    expect(failures.causesIn(part)).toEqual([{ failure: failure('failed'), path: ['length'] }]);
  });
});

describe('a failure below a null that others have answered before', () => {
  it('is the cause of what is missing there', () => {
    const failures = new Failures();
    const part = { score: 1 };
    failures.placeAtPath({ part }, ['part', 'first'], failure('failed'), { part: null });
    expect(failures.explain(part, 'first', undefined)).toEqual([{ failure: failure('failed'), path: ['first'] }]);
    expect(failures.causesIn(part)).toEqual([{ failure: failure('failed'), path: ['first'] }]);
    expect(failures.causesIn({ part })).toEqual([]);
  });
});

describe('a null because of what happened elsewhere that another subgraph has answered since', () => {
  it('is the cause of what is missing in it, as a consequence', () => {
    const failures = new Failures();
    const root: Record<string, unknown> = {};
    failures.placeAtMissing(root, [{ name: 'stores', selection: undefined }], failure('failed'), ['result']);
    const stores = [{ score: 1 }, null];
    failures.moveBelow(root, 'stores', stores);
    expect(failures.causesIn(stores)).toEqual([{ failure: failure('failed'), path: [], isConsequence: true }]);
    expect(failures.explain(root, 'stores', null)).toBeUndefined();
  });
});
