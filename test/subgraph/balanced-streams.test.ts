/** No sockets: the streams of each instance are opened and ended by hand, time and chance are ours. */
import { BalancedStreams } from '../../src/subgraph/balanced-streams';
import { Instances } from '../../src/subgraph/instances';
import type { StreamEnd, StreamHandlers } from '../../src/subgraph/stream';
import { defaultTransportOptions } from '../../src/subgraph/transport-options';

interface OpenStream {
  readonly at: string;
  readonly handlers: StreamHandlers;
  isOpen: boolean;
}

function setUp(names: readonly string[]) {
  const clock = { now: 0, elapsed: () => clock.now, schedule: () => () => {} };
  const { balancing } = defaultTransportOptions;
  const instances = new Instances<string>({ ...balancing, policy: 'roundRobin' }, () => 0.5);
  const place = (id: string) => ({ id, weight: 1, tier: 0 });
  instances.replace(names.map(place), 0, ({ id }) => id);
  const streams: OpenStream[] = [];
  const closed: string[] = [];
  const balanced = new BalancedStreams({
    instances,
    clock,
    openAt: (at) => ({
      open: (_request, handlers) => {
        const stream: OpenStream = { at, handlers, isOpen: true };
        streams.push(stream);
        return () => {
          stream.isOpen = false;
        };
      },
      close: () => {
        closed.push(at);
        for (const stream of streams) if (stream.at === at) stream.handlers.onEnd({ kind: 'lost', reason: 'CLOSED' });
      },
    }),
  });
  const told: (string | StreamEnd)[] = [];
  const open = () =>
    balanced.open(
      { body: '{}', headers: {} },
      {
        onEstablished: () => told.push('established'),
        onPayload: (payload) => told.push(String(payload)),
        onEnd: (end) => told.push(end),
      },
    );
  const outstanding = () => instances.all.map((instance) => instance.outstanding);
  return { clock, instances, streams, closed, balanced, told, open, outstanding };
}

const refused: StreamEnd = { kind: 'lost', reason: 'ECONNREFUSED' };

describe('the streams of a subgraph of several instances', () => {
  it('are spread over them, and are no calls under way once they are established', () => {
    const { streams, open, outstanding } = setUp(['a', 'b']);
    open();
    open();
    expect(streams.map(({ at }) => at)).toEqual(['a', 'b']);
    expect(outstanding()).toEqual([1, 1]);
    for (const { handlers } of streams) handlers.onEstablished();
    expect(outstanding()).toEqual([0, 0]);
  });

  it('are tried at each instance, and lost when none takes them', () => {
    const { streams, open, told, outstanding } = setUp(['a', 'b', 'c']);
    open();
    for (let i = 0; i < 3; i++) streams[i]!.handlers.onEnd(refused);
    expect(streams.map(({ at }) => at)).toEqual(['a', 'b', 'c']);
    expect([told, outstanding()]).toEqual([[refused], [0, 0, 0]]);
  });

  it('are lost when no instance is there', () => {
    const { open, told } = setUp([]);
    open();
    expect(told).toEqual([{ kind: 'lost', reason: 'ALL_INSTANCES_FAILED' }]);
  });

  it.each([{ kind: 'refused', errors: [] }, { kind: 'complete' }] as const)(
    'are not tried elsewhere when they are $kind',
    (end) => {
      const { streams, open, told } = setUp(['a', 'b']);
      open();
      streams[0]!.handlers.onEnd(end);
      expect([streams.length, told]).toEqual([1, [end]]);
    },
  );

  it('go elsewhere for some time after an instance has lost one', () => {
    const { clock, streams, open, told } = setUp(['a', 'b']);
    open();
    streams[0]!.handlers.onEstablished();
    streams[0]!.handlers.onEnd({ kind: 'lost', reason: 'SOCKET_CLOSED' });
    expect(told).toEqual(['established', { kind: 'lost', reason: 'SOCKET_CLOSED' }]);
    for (let i = 0; i < 5; i++) open();
    expect(streams.slice(1).every(({ at }) => at === 'b')).toBe(true);
    clock.now = 10_001;
    open();
    open();
    expect(streams.slice(-2).map(({ at }) => at)).toContain('a');
  });

  it('make an instance that does not take them one that failed', () => {
    const { clock, instances, streams, open } = setUp(['a', 'b']);
    for (let i = 0; i < 20; i++) {
      clock.now += 20_000;
      open();
      if (streams.at(-1)!.at === 'a') streams.at(-1)!.handlers.onEnd(refused);
      streams.at(-1)!.handlers.onEstablished();
    }
    expect(instances.all.map(({ circuit }) => circuit.phase)).toEqual(['open', 'closed']);
  });

  it('end at an instance that leaves', () => {
    const { balanced, instances, streams, open, told, closed } = setUp(['a', 'b']);
    open();
    streams[0]!.handlers.onEstablished();
    const [gone] = instances.replace([{ id: 'b', weight: 1, tier: 0 }], 0, ({ id }) => id);
    balanced.drop(gone!);
    expect([closed, told]).toEqual([['a'], ['established', { kind: 'lost', reason: 'CLOSED' }]]);
  });

  it('are ended where they are, also while another instance is tried', () => {
    const { streams, open, told, outstanding } = setUp(['a', 'b']);
    const stop = open();
    streams[0]!.handlers.onEnd(refused);
    stop();
    expect(streams[1]!.isOpen).toBe(false);
    streams[1]!.handlers.onEnd(refused);
    expect([streams.length, told, outstanding()]).toEqual([2, [], [0, 0]]);
  });
});
