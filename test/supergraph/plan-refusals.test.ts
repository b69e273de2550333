import { ClientError } from '../../src/errors';
import { PlanRefusals } from '../../src/supergraph/plan-refusals';

describe('operations that could not be planned', () => {
  it('are refused again for a minute, each time with an error of its own', () => {
    let now = 1_000;
    const refusals = new PlanRefusals(() => now);
    const error = new ClientError('QUERY_PLAN_TIMEOUT', 'The operation could not be planned in time.');
    refusals.add('{ a }', error);
    now += 59_999;
    const again = refusals.find('{ a }');
    expect(again).toMatchObject({ code: error.code, message: error.message });
    expect(again).not.toBe(error);
    expect(refusals.find('{ b }')).toBeUndefined();
    now += 1;
    expect(refusals.find('{ a }')).toBeUndefined();
  });

  it('are forgotten when there are too many, those that were asked last not', () => {
    const refusals = new PlanRefusals();
    const key = (index: number): string => `${index}`.padEnd(100_000);
    for (let index = 0; index < 40; index++) {
      refusals.add(key(index), new ClientError('QUERY_PLAN_FAILED', 'no'));
      refusals.find(key(0));
    }
    const known = Array.from({ length: 40 }, (_, index) => index).filter((index) => refusals.find(key(index)));
    expect(known).toEqual([0, ...known.slice(1)]);
    expect(known).toHaveLength(19);
    expect(known.at(-1)).toBe(39);
  });
});
