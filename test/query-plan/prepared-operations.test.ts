import type { Operation } from '../../src/operation/document';
import { PreparedOperations } from '../../src/query-plan/prepared-operations';

// Plain data: operations are objects with an identity, their executable forms numbers of bytes.
const createOperation = () => ({}) as Operation;

function create(maxBytes: number) {
  const prepared = new PreparedOperations<number>(maxBytes, (bytes) => bytes);
  let made = 0;
  const get = (operation: Operation, conditions: string, bytes = 10, exclusions = '') =>
    prepared.get(operation, conditions, exclusions, async () => {
      made += 1;
      return bytes;
    });
  return { prepared, get, made: () => made };
}

/** All that k conditions can be. */
const combinations = (k: number) =>
  Array.from({ length: 2 ** k }, (_, index) =>
    index.toString(2).padStart(k, '0').replaceAll('0', 'f').replaceAll('1', 't'),
  );

describe('prepared operations', () => {
  it('are prepared once for each combination of conditions', async () => {
    const { get, made } = create(1_000);
    const operation = createOperation();
    await Promise.all([get(operation, 't'), get(operation, 't'), get(operation, 'f')]);
    await get(operation, 't');
    await get(createOperation(), 't');
    expect(made()).toBe(3);
  });

  it('are prepared again after a failure', async () => {
    const { prepared } = create(1_000);
    const operation = createOperation();
    await expect(prepared.get(operation, '', '', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await prepared.get(operation, '', '', async () => 7)).toBe(7);
    expect(prepared.mostUsed(10)).toHaveLength(1);
  });

  it('are bounded in bytes over all conditions of all operations, the least recently used are forgotten', async () => {
    const { prepared, get, made } = create(1_000);
    const [one, other] = [createOperation(), createOperation()];
    for (const conditions of combinations(10)) await get(one, conditions);
    expect(prepared.mostUsed(10_000)).toHaveLength(100);
    await get(other, 't');
    expect(prepared.mostUsed(10_000)).toHaveLength(100);
    const before = made();
    await get(one, 't'.repeat(10));
    await get(one, 'f'.repeat(10));
    expect(made() - before).toBe(1);
  });

  it('are not kept when one is larger than all may be', async () => {
    const { prepared, get } = create(1_000);
    const operation = createOperation();
    expect(await get(operation, 't', 1_001)).toBe(1_001);
    expect(prepared.mostUsed(10)).toEqual([]);
  });

  it('without conditions stay as long as their operation', async () => {
    const { prepared, get, made } = create(20);
    const operations = Array.from({ length: 100 }, createOperation);
    for (const operation of operations) await get(operation, '');
    for (const operation of operations) await get(operation, '');
    expect(made()).toBe(100);
    expect(prepared.mostUsed(1_000)).toHaveLength(100);
  });

  it('with other exclusions are others, bounded like conditions and not counted among the most used', async () => {
    const { prepared, get, made } = create(100);
    const operation = createOperation();
    for (const key of ['', 'a', 'b', 'a']) await get(operation, '', 10, key);
    await get(operation, 't', 10, 'a');
    expect(made()).toBe(4);
    expect(prepared.mostUsed(10).map(({ key }) => key)).toEqual(['']);
    for (const key of combinations(4)) await get(operation, '', 10, key);
    await get(operation, '', 10, '');
    expect(made()).toBe(20);
    await get(operation, '', 10, 'a');
    expect(made()).toBe(21);
  });

  it('are counted, those of another generation added', async () => {
    const { prepared, get } = create(1_000);
    const [one, other] = [createOperation(), createOperation()];
    await get(one, '');
    await get(one, '');
    await get(other, 't');
    prepared.addUses(other, 't', 5);
    prepared.addUses(other, 'f', 50);
    expect(prepared.mostUsed(10).map(({ operation, uses }) => [operation === one, uses])).toEqual([
      [false, 6],
      [true, 2],
    ]);
    expect(prepared.mostUsed(1)).toHaveLength(1);
    // It was made ready, and that is all.
    prepared.addUses(one, '', -2);
    expect(prepared.mostUsed(10).map(({ operation }) => operation)).toEqual([other]);
  });
});
