import { Handover } from '../../src/query-plan/handover';
import type { SubgraphResponse } from '../../src/query-plan/subgraph-call';

/** Which events of two sources are taken for one. What becomes of them is in `live-subscriptions.test.ts`. */

type Data = Record<string, unknown>;
const isKnownAs = (former: SubgraphResponse, next: SubgraphResponse): boolean => {
  const handover = new Handover();
  handover.takeFormer(former);
  return handover.takeNext(next, false);
};
const areOne = (former: Data, next: Data) => isKnownAs({ data: { tick: former } }, { data: { tick: next } });

describe('two events', () => {
  it.each<[string, Data, Data]>([
    ['the same answer', { id: '1', count: 2 }, { count: 2, id: '1' }],
    ['a field less', { id: '1', count: 2 }, { id: '1' }],
    ['another field beside a key', { id: '1', count: 2 }, { id: '1', label: 'one' }],
    ['a list', { users: [{ id: '1', name: 'Ada' }, { id: '2' }] }, { users: [{ id: '1' }, { id: '2' }] }],
    ['a null', { id: '1', text: null }, { id: '1', text: null }],
  ])('are one when they agree in what both are asked: %s', (_name, former, next) => {
    expect(areOne(former, next)).toBe(true);
  });

  it.each<[string, Data, Data]>([
    ['another value', { id: '1', count: 2 }, { id: '1', count: 3 }],
    ['a null', { id: '1', text: null }, { id: '1', text: {} }],
    ['a longer list', { users: [{ id: '1' }] }, { users: [{ id: '1' }, { id: '2' }] }],
    ['a list', { users: [] }, { users: {} }],
    ['nothing in common', { count: 1 }, { label: 'one' }],
    ['a type in common', { __typename: 'Tick', count: 1 }, { __typename: 'Tick', label: 'one' }],
  ])('are two when they differ, or nothing tells: %s', (_name, former, next) => {
    expect(areOne(former, next)).toBe(false);
  });

  it('that failed are one when their errors say the same', () => {
    const failed = (message: string): SubgraphResponse => ({ data: null, errors: [{ message }] });
    expect(isKnownAs(failed('No.'), failed('No.'))).toBe(true);
    expect(isKnownAs(failed('No.'), failed('Never.'))).toBe(false);
  });

  it('are compared as they came, whatever was joined into one of them since', () => {
    const handover = new Handover();
    const data: Data = { tick: { id: '1' } };
    handover.takeFormer({ data });
    Object.assign(data.tick as Data, { id: 'another', label: 'one' });
    expect(handover.takeNext({ data: { tick: { id: '1' } } }, false)).toBe(true);
  });
});

it('ends when more wait than it remembers', () => {
  const handover = new Handover();
  let held = 1;
  while (!handover.takeNext({ data: { tick: { id: String(held) } } }, false)) held += 1;
  expect(held).toBeLessThan(1_000);
  expect(handover.release()).toHaveLength(held);
});
