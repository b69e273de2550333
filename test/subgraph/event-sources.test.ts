import type { SourceOpening, SubgraphStreamEnd } from '../../src/query-plan/subgraph-call';
import { EventSources, type SourceEndpoint } from '../../src/subgraph/event-sources';
import type { StreamHandlers, StreamRequest } from '../../src/subgraph/stream';
import { silentLog } from '../../src/telemetry/log';

/**
 * Subscriptions at subgraphs: sharing, loss and return. The test is the transport, time and chance. Observed: what is
 * asked of the transport and when, and what listeners are told.
 */

interface OpenStream {
  readonly request: StreamRequest;
  readonly handlers: StreamHandlers;
  isOpen: boolean;
}

let now: number;
let chance: number;
let timers: { readonly at: number; readonly fire: () => void }[];
let streams: OpenStream[];
let sources: EventSources;
let transports: number;

beforeEach(() => {
  now = 0;
  chance = 0;
  timers = [];
  streams = [];
  transports = 0;
  const schedule = (fire: () => void, delayMs: number) => {
    const timer = { at: now + delayMs, fire };
    timers.push(timer);
    return () => {
      timers = timers.filter((other) => other !== timer);
    };
  };
  sources = new EventSources({ clock: { elapsed: () => now, schedule }, random: () => chance, log: silentLog });
});
afterEach(() => {
  expect(streams.filter(({ isOpen }) => isOpen)).toEqual([]);
  expect(timers).toEqual([]);
  expect(sources.size).toBe(0);
});

const endpoint: SourceEndpoint = {
  subgraph: 'chat',
  key: 'ws://chat/',
  reconnectMs: 60_000,
  rules: { errorExtensions: [], extensions: [] },
  headersFor: (headers) => headers,
  createTransport: () => {
    transports += 1;
    return {
      open: (request, handlers) => {
        const stream: OpenStream = {
          request,
          isOpen: true,
          handlers: {
            ...handlers,
            onEnd: (end) => {
              stream.isOpen = false;
              handlers.onEnd(end);
            },
          },
        };
        streams.push(stream);
        return () => {
          stream.isOpen = false;
        };
      },
      close: () => {},
    };
  },
};

const settled = () => new Promise((resolve) => setImmediate(resolve));
async function listen(opening: Partial<SourceOpening> = {}, { body = '{}', scope = '', at = endpoint } = {}) {
  const told: unknown[] = [];
  let end: SubgraphStreamEnd | undefined;
  const source = sources.find(at, body, scope);
  const stop = source.open(
    { headers: () => ({}), isPatient: false, ...opening },
    {
      onEstablished: () => told.push('established'),
      onEvent: ({ data, errors }, afterGap) => told.push([data ?? errors?.[0]?.extensions?.code, afterGap]),
      onEnd: (reason) => {
        end = reason;
      },
    },
  );
  await settled();
  return {
    told,
    stop,
    get end() {
      return end;
    },
  };
}

const stream = (): OpenStream => {
  const last = streams.at(-1);
  if (!last) throw new Error('no stream was opened');
  return last;
};
const event = (a: number) => stream().handlers.onPayload({ data: { a } });
const establish = () => stream().handlers.onEstablished();
const lose = () => stream().handlers.onEnd({ kind: 'lost', reason: 'CLOSED_1006' });
/** Lets the next timer fire; how long that took. */
function wait(): number {
  const [next] = [...timers].sort((a, b) => a.at - b.at);
  if (!next) throw new Error('nothing is planned');
  const waited = next.at - now;
  now = next.at;
  timers = timers.filter((timer) => timer !== next);
  next.fire();
  return waited;
}

describe('identical subscriptions', () => {
  it('are one at the subgraph, and each gets an answer of its own', async () => {
    const [one, other] = [await listen(), await listen()];
    establish();
    const data = { a: { b: 1 } };
    const seen: unknown[] = [];
    const third = sources
      .find(endpoint, '{}', '')
      .open(
        { headers: () => ({}), isPatient: false },
        { onEstablished: () => {}, onEvent: (response) => seen.push(response.data), onEnd: () => {} },
      );
    stream().handlers.onPayload({ data });
    expect(streams).toHaveLength(1);
    expect([one.told, other.told]).toEqual(Array(2).fill(['established', [data, false]]));
    expect(seen).toEqual([data]);
    expect(one.told[1]).not.toBe(other.told[1]);
    one.stop();
    other.stop();
    expect(stream().isOpen).toBe(true);
    third();
    expect(stream().isOpen).toBe(false);
  });

  it('are told that they are established, whenever they come', async () => {
    const one = await listen();
    establish();
    const other = await listen();
    expect([one.told, other.told]).toEqual([['established'], ['established']]);
    one.stop();
    other.stop();
  });

  it('are not those of others: other text, other scope, other subgraph, other address', async () => {
    const all = [
      await listen(),
      await listen({}, { body: '{"query":""}' }),
      await listen({}, { scope: 'ada' }),
      await listen({}, { at: { ...endpoint, subgraph: 'users' } }),
      await listen({}, { at: { ...endpoint, key: 'ws://other/' } }),
    ];
    expect(streams).toHaveLength(5);
    expect(transports).toBe(2);
    for (const { stop } of all) stop();
  });
});

describe('a subscription that is lost', () => {
  it('is asked for again, later each time, with headers that are fresh', async () => {
    const { stop, told } = await listen({ headers: () => ({ token: String(streams.length + 1) }) });
    establish();
    lose();
    const waits: number[] = [];
    for (let round = 0; round < 7; round++) {
      waits.push(wait());
      lose();
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    wait();
    establish();
    event(1);
    event(2);
    expect(told).toEqual(['established', [{ a: 1 }, true], [{ a: 2 }, false]]);
    expect(streams.map(({ request }) => request.headers.token)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
    stop();
  });

  it('waits up to twice as long by chance, so that not all come back at once', async () => {
    const { stop } = await listen();
    establish();
    chance = 0.999;
    lose();
    expect(wait()).toBeGreaterThan(450);
    stop();
  });

  it('is given up after its time, with an error of ours', async () => {
    const listener = await listen();
    establish();
    now = 1_000_000;
    lose();
    while (timers.length > 0) {
      wait();
      lose();
    }
    expect(now).toBe(1_060_000);
    expect(listener.end).toMatchObject({ kind: 'lost', error: { code: 'SUBREQUEST_HTTP_ERROR', subgraph: 'chat' } });
  });

  it('is not asked for again when nobody listens any more', async () => {
    const { stop } = await listen();
    establish();
    lose();
    stop();
    expect(timers).toEqual([]);
  });

  it('is given up after the same time when it is lost as soon as it is back, each time', async () => {
    const listener = await listen();
    establish();
    for (lose(); timers.length > 0; lose()) {
      wait();
      establish();
    }
    expect(now).toBeLessThanOrEqual(60_000);
    expect(listener.end).toMatchObject({ kind: 'lost', error: { code: 'SUBREQUEST_HTTP_ERROR', subgraph: 'chat' } });
  });

  it('is asked for less and less often when it is lost again as soon as it is back', async () => {
    const { stop } = await listen();
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      establish();
      lose();
      waits.push(wait());
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000]);
    establish();
    now += 60_000;
    lose();
    expect(wait()).toBe(125);
    stop();
  });

  it('is an error at once when it had never begun, unless somebody is patient', async () => {
    const hasty = await listen();
    lose();
    expect(hasty.end).toMatchObject({ kind: 'lost', error: { code: 'SUBREQUEST_HTTP_ERROR' } });
    const patient = await listen({ isPatient: true });
    lose();
    expect(patient.end).toBeUndefined();
    wait();
    establish();
    expect(patient.told).toEqual(['established']);
    patient.stop();
  });
});

describe('what a subgraph sends', () => {
  it('ends the subscription when it is the end', async () => {
    const listener = await listen();
    stream().handlers.onEnd({ kind: 'complete' });
    expect(listener.end).toEqual({ kind: 'complete' });
  });

  it.each([
    [[{ message: 'No', path: ['a'] }], [{ message: 'No', path: ['a'] }]],
    [[{ message: 'No', extensions: { code: 'X', secret: 1 } }], [{ message: 'No', extensions: { code: 'X' } }]],
    [undefined, [{ message: 'The subgraph reported an error without a message.' }]],
    ['no list', [{ message: 'The subgraph reported an error without a message.' }]],
  ])('refuses the subscription with what may pass of its errors: %j', async (errors, passed) => {
    const listener = await listen();
    stream().handlers.onEnd({ kind: 'refused', errors });
    expect(listener.end).toEqual({ kind: 'refused', errors: passed });
  });

  it.each([[undefined], [null], [1], [[]], [{}], [{ data: 1 }], [{ data: null }]])(
    'is an error in its place when it is no answer of GraphQL: %j',
    async (payload) => {
      const { told, stop } = await listen();
      stream().handlers.onPayload(payload);
      event(1);
      expect(told.slice(1)).toEqual([
        ['SUBREQUEST_MALFORMED_RESPONSE', false],
        [{ a: 1 }, false],
      ]);
      stop();
    },
  );

  it('proves that the subscription has begun', async () => {
    const { told, stop } = await listen();
    event(1);
    expect(told).toEqual(['established', [{ a: 1 }, false]]);
    stop();
  });
});
