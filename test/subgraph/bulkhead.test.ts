/** No sockets: exchanges are ended by hand. */
import { limitInFlight } from '../../src/subgraph/bulkhead';
import type { ExchangeOutcome } from '../../src/subgraph/http';

const good: ExchangeOutcome = { kind: 'answered', status: 200, text: '{"data":{}}' };

function setUp(maxInFlight: number, maxQueued: number) {
  const running: { body: string; end: (outcome: ExchangeOutcome) => void; cancelled: boolean }[] = [];
  const start = limitInFlight(
    'users',
    ({ body }, end) => {
      const one = { body, end, cancelled: false };
      running.push(one);
      return {
        shared: false,
        cancel: () => {
          one.cancelled = true;
        },
      };
    },
    { maxInFlight, maxQueued },
  );
  const outcomes = new Map<string, ExchangeOutcome>();
  const ask = (body: string) =>
    start({ subgraph: 'users', body, kind: 'query', headers: [] }, (outcome) => outcomes.set(body, outcome));
  return { running, outcomes, ask, bodies: () => running.map(({ body }) => body) };
}

describe('a bound of the calls under way', () => {
  it('lets so many run, so many wait in turn, and refuses the rest at once', () => {
    const { running, outcomes, ask, bodies } = setUp(2, 2);
    for (const body of ['a', 'b', 'c', 'd', 'e']) ask(body);
    expect(bodies()).toEqual(['a', 'b']);
    expect(outcomes.get('e')).toMatchObject({
      kind: 'failed',
      error: { code: 'SUBREQUEST_HTTP_ERROR' },
      connection: { reason: 'QUEUE_FULL', sent: false },
    });
    running[1]!.end(good);
    running[0]!.end(good);
    expect(bodies()).toEqual(['a', 'b', 'c', 'd']);
    expect([outcomes.get('a'), outcomes.get('b'), outcomes.has('c')]).toEqual([good, good, false]);
  });

  it('gives the place of who is cancelled to the next, once', () => {
    const { running, ask, bodies } = setUp(1, 10);
    const calls = ['a', 'b', 'c', 'd'].map(ask);
    calls[1]!.cancel();
    calls[0]!.cancel();
    calls[0]!.cancel();
    expect(running[0]!.cancelled).toBe(true);
    expect(bodies()).toEqual(['a', 'c']);
    running[0]!.end(good);
    expect(bodies()).toEqual(['a', 'c']);
    running[1]!.end(good);
    expect(bodies()).toEqual(['a', 'c', 'd']);
  });
});
