import { type DataObject, mergeObject } from '../../src/query-plan/data';
import type { SupergraphTypes } from '../../src/query-plan/supergraph-types';

const types = { isObject: (name: string) => name !== 'Node' } as SupergraphTypes;

/** Objects that lead to one another in a circle. */
function circle(length: number, fields: (index: number) => DataObject): DataObject {
  const objects = Array.from({ length }, (_, index) => ({ ...fields(index) }) as DataObject);
  for (const [index, object] of objects.entries()) object.next = objects[(index + 1) % length];
  return objects[0] as DataObject;
}

describe('merging what two subgraphs say of one object', () => {
  it('joins objects and lists part by part, and keeps a value where the other is null', () => {
    const target: DataObject = { a: 1, b: null, list: [{ x: 1 }, null], __typename: 'Node' };
    mergeObject(target, { a: null, b: 2, list: [{ y: 2 }, { y: 3 }], __typename: 'User' }, types);
    expect(target).toEqual({ a: 1, b: 2, list: [{ x: 1, y: 2 }, { y: 3 }], __typename: 'User' });
  });

  it('ends though both lead back to themselves', () => {
    const target = circle(2, (index) => ({ a: index }));
    mergeObject(
      target,
      circle(3, () => ({ b: true })),
      types,
    );
    expect(target).toMatchObject({ a: 0, b: true, next: { a: 1, b: true } });
    expect((target.next as DataObject).next).toBe(target);
  });

  it('never writes __proto__', () => {
    const target: DataObject = {};
    mergeObject(target, JSON.parse('{"__proto__":{"polluted":1}}'), types);
    expect(Object.keys(target)).toEqual([]);
    expect(target.polluted).toBeUndefined();
  });
});
