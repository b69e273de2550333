import { EventGate, type EventVerdict } from '../../src/query-plan/event-gate';

/** Events of one client, each admitted by itself. The test gives the verdicts, in whatever order it likes. */
function open() {
  const seen: string[] = [];
  const gate = new EventGate({
    deliver: (payload, hasGap) => void seen.push(`${hasGap ? 'gap ' : ''}${payload}`),
    onChanged: () => void seen.push('changed'),
  });
  const verdicts: ((verdict: EventVerdict) => void)[] = [];
  let asked = 0;
  const push = (number: number, hasGap = false) =>
    gate.push(`{"data":${number}}`, hasGap, () => {
      asked += 1;
      return new Promise((resolve) => verdicts.push(resolve));
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const decide = async (...given: EventVerdict[]) => {
    for (const verdict of given) {
      await settled();
      verdicts.shift()?.(verdict);
      await settled();
    }
  };
  return { gate, seen, push, decide, asked: () => asked };
}
const marked = (number: number) => `gap {"data":${number},"extensions":{"gap":{"reason":"NOT_ADMITTED"}}}`;

describe('events that are admitted one by one', () => {
  it('are asked for in order, the next when the one before is decided', async () => {
    const { seen, push, decide, asked } = open();
    for (const number of [1, 2, 3]) push(number);
    await decide('admitted');
    expect([seen, asked()]).toEqual([['{"data":1}'], 2]);
    await decide('admitted', 'admitted');
    expect(seen).toEqual(['{"data":1}', '{"data":2}', '{"data":3}']);
  });

  it('are left out when they are too many, and the next one that is not says so', async () => {
    const { seen, push, decide } = open();
    for (const number of [1, 2, 3, 4]) push(number);
    await decide('limited', 'limited', 'admitted', 'admitted');
    expect(seen).toEqual([marked(3), '{"data":4}']);
  });

  it('keep the gap that they have already', async () => {
    const { seen, push, decide } = open();
    push(1);
    push(2, true);
    await decide('limited', 'admitted');
    expect(seen).toEqual(['gap {"data":2}']);
  });

  it('tell that rights have changed', async () => {
    const { seen, push, decide } = open();
    push(1);
    push(2);
    await decide('changed', 'admitted');
    expect(seen).toEqual(['changed', marked(2)]);
  });

  it('are left out when too many wait already', async () => {
    const { seen, push, decide, asked } = open();
    for (let number = 1; number <= 300; number++) push(number);
    for (let number = 1; number <= 256; number++) await decide('admitted');
    expect([seen.length, asked()]).toEqual([256, 256]);
    push(301);
    await decide('admitted');
    expect(seen.at(-1)).toBe(marked(301));
  });

  it('come before an end that waits for them, and not after the client has left', async () => {
    const { gate, seen, push, decide } = open();
    push(1);
    gate.whenDecided(() => seen.push('end'));
    push(2);
    await decide('admitted');
    expect(seen).toEqual(['{"data":1}', 'end']);
    gate.close();
    await decide('admitted');
    expect(seen).toHaveLength(2);
    gate.whenDecided(() => seen.push('at once'));
    expect(seen.at(-1)).toBe('at once');
  });
});
