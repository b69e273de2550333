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
