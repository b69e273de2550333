import { EventQueue, type Gap } from '../../src/query-plan/event-queue';

/** Joins are settled by the test; observed is what is delivered, in order. */
function createQueue(limits: { maxJoining: number; maxWaiting: number }) {
  const joins = new Map<string, (payload: string) => void>();
  const started: string[] = [];
  const delivered: [string, Gap | undefined][] = [];
  let delivery: Promise<void> | undefined;
  const queue = new EventQueue<string>({
    ...limits,
    join: (event) => {
      started.push(event);
      return new Promise((resolve) => joins.set(event, resolve));
    },
    deliver: (payload, gap) => {
      delivered.push([payload, gap]);
      return delivery;
    },
  });
  const settle = async (...events: string[]) => {
    for (const event of events) {
      joins.get(event)?.(event.toUpperCase());
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const deliverSlowly = (promise: Promise<void> | undefined) => {
    delivery = promise;
  };
  return { queue, started, delivered, settle, deliverSlowly };
}

const roomy = { maxJoining: 8, maxWaiting: 256 };

describe('an event queue', () => {
  it('delivers in order, whatever join is ready first', async () => {
    const { queue, delivered, settle } = createQueue(roomy);
    for (const event of ['a', 'b', 'c']) queue.push(event, undefined);
    await settle('c', 'b');
    expect(delivered).toEqual([]);
    await settle('a');
    expect(delivered.map(([payload]) => payload)).toEqual(['A', 'B', 'C']);
  });

  it('joins no more events at a time than it may', async () => {
    const { queue, started, settle } = createQueue({ maxJoining: 2, maxWaiting: 10 });
    for (const event of ['a', 'b', 'c', 'd']) queue.push(event, undefined);
    expect(started).toEqual(['a', 'b']);
    await settle('b');
    expect(started).toEqual(['a', 'b', 'c']);
  });

  it('drops the oldest that waits when too many wait, and says so in the one after it', async () => {
    const { queue, delivered, settle } = createQueue({ maxJoining: 1, maxWaiting: 2 });
    for (const event of ['a', 'b', 'c', 'd', 'e']) queue.push(event, undefined);
    await settle('a', 'd', 'e');
    expect(delivered).toEqual([
      ['A', undefined],
      ['D', 'OVERLOADED'],
      ['E', undefined],
    ]);
  });

  it('keeps the gap of an event that it drops', async () => {
    const { queue, delivered, settle } = createQueue({ maxJoining: 1, maxWaiting: 1 });
    queue.push('a', undefined);
    queue.push('b', 'RECONNECTED');
    queue.push('c', undefined);
    await settle('a', 'c');
    expect(delivered[1]).toEqual(['C', 'RECONNECTED']);
  });

  it('is reached when what came before is delivered, not earlier', async () => {
    const { queue, delivered, settle } = createQueue(roomy);
    queue.push('a', undefined);
    let seen: number | undefined;
    const reached = queue.reached().then(() => {
      seen = delivered.length;
    });
    queue.push('b', undefined);
    await settle('b');
    expect(seen).toBeUndefined();
    await settle('a');
    await reached;
    expect(delivered).toHaveLength(2);
  });

  it('waits for a delivery that takes several turns', async () => {
    const { queue, delivered, settle, deliverSlowly } = createQueue(roomy);
    let finish = () => {};
    deliverSlowly(
      new Promise((resolve) => {
        finish = resolve;
      }),
    );
    for (const event of ['a', 'b']) queue.push(event, undefined);
    await settle('a', 'b');
    let isReached = false;
    queue.whenReached(() => {
      isReached = true;
    });
    expect(delivered).toHaveLength(1);
    deliverSlowly(undefined);
    finish();
    await settle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(delivered.map(([payload]) => payload)).toEqual(['A', 'B']);
    expect(isReached).toBe(true);
  });

  it('delivers nothing any more once it is cleared', async () => {
    const { queue, delivered, settle } = createQueue(roomy);
    queue.push('a', undefined);
    const reached = queue.reached();
    queue.clear();
    await reached;
    await settle('a');
    expect(delivered).toEqual([]);
  });
});
