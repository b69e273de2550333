import type { SubscriptionEnd } from '../../src/client/door';
import type { Identity, RequestContext } from '../../src/context/request-context';
import { ClientError } from '../../src/errors';
import { LiveSubscriptions, type PlanSubscription } from '../../src/query-plan/live-subscriptions';
import type { SubgraphEvents } from '../../src/query-plan/subgraph-call';
import type { PlannedSubscription } from '../../src/query-plan/topic';

/**
 * Subscriptions over generations and identities, without sockets and without an engine. The test is the planner and
 * the subgraph: it establishes sources, sends events and settles joins. Observed: what clients are told, which sources
 * are open, and as who events are joined.
 */

interface OpenSource {
  readonly key: string;
  readonly events: SubgraphEvents;
  readonly whoAsks: () => RequestContext;
  isOpen: boolean;
}

interface Join {
  readonly text: string;
  readonly as: string;
  settle(): void;
}

let generation: string;
/** What identities (by subject) may not ask. */
let forbidden: Set<string>;
/** The key of the source, by generation and subject. */
let sourceOf: (generation: string, subject: string) => string;
/** Attempts to plan that fail for a reason that may pass. */
let failures: ClientError[];
let sources: OpenSource[];
let joins: Join[];
/** Joins settle at once, unless the test holds them. */
let areJoinsHeld: boolean;
let live: LiveSubscriptions;
let fireTimers: () => void;

const contextOf = (subject: string): RequestContext =>
  ({ id: subject, identity: { kind: 'authenticated', subject } as Identity }) as RequestContext;
const subjectOf = ({ id }: RequestContext) => id;

class Planned implements PlannedSubscription {
  readonly kind = 'planned';
  readonly subgraph = 'chat';
  constructor(
    readonly topic: string,
    readonly source: string,
    private readonly madeIn: string,
  ) {}

  open(whoAsks: () => RequestContext, _isPatient: boolean, events: SubgraphEvents): () => void {
    const onEnd: SubgraphEvents['onEnd'] = (end) => {
      opened.isOpen = false;
      events.onEnd(end);
    };
    const opened = { key: this.source, events: { ...events, onEnd }, whoAsks, isOpen: true };
    sources.push(opened);
    return () => {
      opened.isOpen = false;
    };
  }

  join(event: { readonly data: unknown }, context: RequestContext): Promise<string> {
    const { text } = event.data as { text: string };
    return new Promise((resolve) => {
      const settle = () => resolve(`${text} ${this.madeIn}`);
      joins.push({ text, as: subjectOf(context), settle });
      if (!areJoinsHeld) settle();
    });
  }
}

/** Two subjects share a topic when their names begin alike: `ada`, `ada 2`. */
const plan: PlanSubscription = async ({ source }, context) => {
  await Promise.resolve();
  const subject = subjectOf(context);
  const failure = failures.shift();
  if (failure) return { kind: 'refused', errors: [failure] };
  if (forbidden.has(subject) || source === `not in ${generation}`) {
    return { kind: 'refused', errors: [new ClientError('UNAUTHENTICATED', `${subject} may not.`)] };
  }
  const scope = subject.split(' ')[0] ?? '';
  return new Planned(`${scope}: ${source}`, sourceOf(generation, scope), generation);
};

beforeEach(() => {
  generation = 'one';
  forbidden = new Set();
  sourceOf = (_generation, subject) => subject;
  failures = [];
  sources = [];
  joins = [];
  areJoinsHeld = false;
  const timers = new Set<() => void>();
  fireTimers = () => {
    for (const fire of [...timers]) fire();
  };
  live = new LiveSubscriptions({
    plan,
    topics: {
      maxJoiningEvents: 8,
      maxWaitingEvents: 100,
      establishMs: 5_000,
      overlapMs: 1_000,
      schedule: (callback) => {
        timers.add(callback);
        return () => timers.delete(callback);
      },
    },
    observer: undefined,
  });
});
afterEach(() => {
  live.endAll(new ClientError('SUPERGRAPH_NOT_READY', 'The test is over.'));
  expect(sources.filter(({ isOpen }) => isOpen)).toEqual([]);
  expect(live.counts).toEqual({ subscriptions: 0, topics: 0 });
});

const settled = () => new Promise((resolve) => setImmediate(resolve));
async function open(subject: string, source = 'messages') {
  const told: string[] = [];
  let end: SubscriptionEnd | undefined;
  const sink = {
    next: (payload: string, hasGap: boolean) => told.push(hasGap ? `gap, ${payload}` : payload),
    end: (reason: SubscriptionEnd) => {
      end = reason;
    },
  };
  const subscription = await live.subscribe(
    { source, operationName: undefined, variables: {} },
    contextOf(subject),
    sink,
  );
  if (subscription.kind === 'refused') throw subscription.errors[0];
  return {
    told,
    subscription,
    get code() {
      return end?.kind === 'error' ? end.errors[0]?.extensions.code : end?.kind;
    },
  };
}
const source = (index: number): OpenSource => {
  const found = sources[index];
  if (!found) throw new Error(`source ${index} was not opened`);
  return found;
};
const send = (index: number, ...texts: string[]) => {
  for (const text of texts) source(index).events.onEvent({ data: { text } }, false);
};

describe('an identity that is refreshed', () => {
  it('goes on without another source when subgraphs are told the same, and is who asks from then on', async () => {
    const client = await open('ada');
    await client.subscription.reauthorise(contextOf('ada 2'));
    send(0, 'a');
    await settled();
    expect(client.told).toEqual(['a one']);
    expect(joins[0]?.as).toBe('ada 2');
    expect(sources).toHaveLength(1);
  });

  it('ends what it may not ask, and nothing else', async () => {
    const [lost, kept] = [await open('ada'), await open('ada')];
    forbidden.add('bob');
    await lost.subscription.reauthorise(contextOf('bob'));
    expect(lost.code).toBe('UNAUTHENTICATED');
    send(0, 'a');
    await settled();
    expect(lost.told).toEqual([]);
    expect(kept.told).toEqual(['a one']);
  });

  it('moves to its own source when that is established, and never asks for those it leaves', async () => {
    const [moving, staying] = [await open('ada'), await open('ada')];
    const moved = moving.subscription.reauthorise(contextOf('bea'));
    await settled();
    send(0, 'a');
    send(1, 'not yet');
    await settled();
    source(1).events.onEstablished();
    await moved;
    send(0, 'b');
    send(1, 'c');
    await settled();
    expect(moving.told).toEqual(['a one', 'c one']);
    expect(staying.told).toEqual(['a one', 'b one']);
    expect(joins.map(({ text, as }) => `${text} as ${as}`)).toEqual([
      'a as ada',
      'not yet as bea',
      'b as ada',
      'c as bea',
    ]);
    expect(subjectOf(source(1).whoAsks())).toBe('bea');
  });

  it('gets what is still joined for the old one first, and then what came for the new one', async () => {
    const client = await open('ada');
    areJoinsHeld = true;
    send(0, 'a', 'b');
    const moved = client.subscription.reauthorise(contextOf('bea'));
    await settled();
    source(1).events.onEstablished();
    await settled();
    send(0, 'lost to nobody');
    send(1, 'c');
    joins.find(({ text }) => text === 'c')?.settle();
    await settled();
    expect(client.told).toEqual([]);
    for (const { settle } of joins) settle();
    await moved;
    await settled();
    expect(client.told).toEqual(['a one', 'b one', 'c one']);
    expect(source(0).isOpen).toBe(false);
  });

  it('ends when its own source refuses', async () => {
    const client = await open('ada');
    const moved = client.subscription.reauthorise(contextOf('bea'));
    await settled();
    source(1).events.onEnd({ kind: 'refused', errors: [{ message: 'No' }] });
    await moved;
    expect(client.code).toBe('DOWNSTREAM_SERVICE_ERROR');
  });

  it('counts as the last one that was given', async () => {
    const client = await open('ada');
    const moves = [contextOf('bea'), contextOf('cem')].map((context) => client.subscription.reauthorise(context));
    await settled();
    for (const opened of sources.slice(1)) opened.events.onEstablished();
    await Promise.all(moves);
    expect(sources.filter(({ isOpen }) => isOpen).map(({ key }) => key)).toEqual(['cem']);
  });

  it('opens nothing for a client that has left meanwhile', async () => {
    const client = await open('ada');
    const moved = client.subscription.reauthorise(contextOf('bea'));
    client.subscription.stop('client');
    await moved;
    expect(sources.map(({ isOpen }) => isOpen)).toEqual([false]);
  });
});

describe('another generation', () => {
  const reload = (name: string) => {
    generation = name;
    return live.replan();
  };

  it('joins what was sent before by the old plan, and what comes after by the new one', async () => {
    const client = await open('ada');
    areJoinsHeld = true;
    send(0, 'a');
    const reloaded = reload('two');
    await settled();
    send(0, 'b');
    let isDone = false;
    void reloaded.then(() => {
      isDone = true;
    });
    await settled();
    expect(isDone).toBe(false);
    for (const { settle } of joins) settle();
    await reloaded;
    await settled();
    expect(client.told).toEqual(['a one', 'b two']);
    expect(sources).toHaveLength(1);
  });

  /** A client whose source has been followed by another one, which is established. */
  const openMoving = async () => {
    sourceOf = (name) => name;
    const client = await open('ada');
    source(0).events.onEstablished();
    const reloaded = reload('two');
    await settled();
    expect(sources.map(({ isOpen }) => isOpen)).toEqual([true, true]);
    source(1).events.onEstablished();
    return { client, reloaded };
  };
  const expectMoved = async (reloaded: Promise<void>) => {
    await reloaded;
    expect(sources.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    await settled();
  };

  it('listens to two sources until an event has come from both, and gives it once', async () => {
    const { client, reloaded } = await openMoving();
    send(0, 'a');
    await settled();
    expect(sources.map(({ isOpen }) => isOpen)).toEqual([true, true]);
    send(1, 'a');
    send(0, 'b');
    send(1, 'b');
    await expectMoved(reloaded);
    expect(client.told).toEqual(['a one', 'b two']);
  });

  it('repeats nothing of a source that is behind the one that it follows', async () => {
    const { client, reloaded } = await openMoving();
    send(0, 'a', 'b', 'c', 'd');
    send(1, 'b', 'c', 'd', 'e', 'c');
    await expectMoved(reloaded);
    expect(client.told).toEqual(['a one', 'b one', 'c one', 'd one', 'e two', 'c two']);
  });

  it('loses nothing of a source that is behind the one that follows it', async () => {
    const { client, reloaded } = await openMoving();
    send(1, 'c', 'd');
    send(0, 'a', 'b');
    await settled();
    expect(client.told).toEqual(['a one', 'b one']);
    send(0, 'c', 'd');
    send(1, 'e');
    await expectMoved(reloaded);
    expect(client.told).toEqual(['a one', 'b one', 'c two', 'd two', 'e two']);
  });

  it('gives after a while what only the new source sends', async () => {
    const { client, reloaded } = await openMoving();
    send(1, 'a', 'b');
    send(0, 'of another kind');
    await settled();
    expect(client.told).toEqual(['of another kind one']);
    fireTimers();
    await expectMoved(reloaded);
    expect(client.told).toEqual(['of another kind one', 'a two', 'b two']);
  });

  it('leaves a source that sends nothing after a while', async () => {
    const { client, reloaded } = await openMoving();
    fireTimers();
    await expectMoved(reloaded);
    send(1, 'a');
    await settled();
    expect(client.told).toEqual(['a two']);
  });

  it('gives what the new source has sent when the first one ends', async () => {
    const { client, reloaded } = await openMoving();
    send(1, 'a', 'b');
    source(0).events.onEnd({ kind: 'complete' });
    await expectMoved(reloaded);
    expect(client.told).toEqual(['a two', 'b two']);
  });

  it('gives up the first source after a while, and says that events may be missing', async () => {
    sourceOf = (name) => name;
    const client = await open('ada');
    const reloaded = reload('two');
    await settled();
    fireTimers();
    source(1).events.onEstablished();
    await reloaded;
    send(1, 'a');
    await settled();
    expect(client.told).toEqual(['gap, a two']);
  });

  it('takes the new source at once when the first one ends', async () => {
    sourceOf = (name) => name;
    const client = await open('ada');
    const reloaded = reload('two');
    await settled();
    source(0).events.onEnd({ kind: 'complete' });
    source(1).events.onEstablished();
    await reloaded;
    send(1, 'a');
    await settled();
    expect(client.code).toBeUndefined();
    expect(client.told).toHaveLength(1);
  });

  it('ends those that it does not allow, with the reason', async () => {
    const [lost, kept] = [await open('ada', 'not in two'), await open('ada')];
    await reload('two');
    expect(lost.code).toBe('SUBSCRIPTION_SCHEMA_RELOAD');
    expect(kept.code).toBeUndefined();
  });

  it('that cannot be planned for a moment keeps the plan that there is, and tries again', async () => {
    const client = await open('ada');
    const times = ['QUERY_PLAN_TIMEOUT', 'SUPERGRAPH_NOT_READY', 'INTERNAL_SERVER_ERROR'] as const;
    failures = times.map((code) => new ClientError(code, 'Not now.'));
    const reloaded = reload('two');
    for (const number of [1, 2, 3]) {
      await settled();
      send(0, `event ${number}`);
      await settled();
      fireTimers();
    }
    await reloaded;
    send(0, 'event 4');
    await settled();
    expect(client.told).toEqual(['event 1 one', 'event 2 one', 'event 3 one', 'event 4 two']);
    expect(sources).toHaveLength(1);
  });

  it('that cannot be planned for long ends what it cannot go on with', async () => {
    const client = await open('ada');
    failures = Array.from({ length: 20 }, () => new ClientError('QUERY_PLAN_TIMEOUT', 'Not now.'));
    const reloaded = reload('two');
    while (client.code === undefined) {
      await settled();
      fireTimers();
    }
    await reloaded;
    expect(client.code).toBe('SUBSCRIPTION_SCHEMA_RELOAD');
    expect(failures).toHaveLength(13);
  });

  it('does not wait to plan for a client that has left', async () => {
    const client = await open('ada');
    failures = [new ClientError('QUERY_PLAN_TIMEOUT', 'Not now.')];
    const reloaded = reload('two');
    await settled();
    client.subscription.stop('client');
    fireTimers();
    await reloaded;
    expect(sources).toHaveLength(1);
  });

  it('parts members of a topic whom it treats differently', async () => {
    const [one, other] = [await open('ada 1'), await open('ada 2')];
    forbidden.add('ada 2');
    await reload('two');
    expect([one.code, other.code]).toEqual([undefined, 'SUBSCRIPTION_SCHEMA_RELOAD']);
  });

  it('plans again what was planned under the one before when it came', async () => {
    const opening = open('ada');
    const reloaded = reload('two');
    const client = await opening;
    await reloaded;
    send(0, 'a');
    await settled();
    expect(client.told).toEqual(['a two']);
  });

  it('comes three times in a row, and the last one counts', async () => {
    sourceOf = (name) => name;
    const client = await open('ada');
    const reloads = [reload('two'), reload('three'), reload('four')];
    await settled();
    for (const opened of sources) if (opened.isOpen) opened.events.onEstablished();
    fireTimers();
    await Promise.all(reloads);
    expect(sources.filter(({ isOpen }) => isOpen).map(({ key }) => key)).toEqual(['four']);
    send(sources.length - 1, 'a');
    await settled();
    expect(client.told).toEqual(['a four']);
  });
});

describe('thousands of clients of one topic', () => {
  it('get an event in several turns, so that others are served in between, and one that leaves does not', async () => {
    const clients = await Promise.all(Array.from({ length: 2_500 }, () => open('ada')));
    send(0, 'a', 'b');
    await new Promise((resolve) => setImmediate(resolve));
    const count = () => clients.filter(({ told }) => told.length > 0).length;
    expect(count()).toBeLessThan(2_500);
    clients.at(-1)?.subscription.stop('client');
    const late = await open('ada');
    const areServed = () => clients.slice(0, -1).every(({ told }) => told.join() === 'a one,b one');
    while (!areServed()) await settled();
    expect(clients.at(-1)?.told).toEqual([]);
    expect(late.told).toEqual([]);
  });
});

describe('a client', () => {
  it('may stop within an event, and the others get it', async () => {
    const told: string[] = [];
    let stop = () => {};
    const first = await live.subscribe(
      { source: 'messages', operationName: undefined, variables: {} },
      contextOf('ada'),
      {
        next: (payload) => {
          told.push(payload);
          stop();
        },
        end: () => {},
      },
    );
    if (first.kind === 'live') stop = () => first.stop('slow');
    const second = await open('ada');
    send(0, 'a', 'b');
    await settled();
    expect(told).toEqual(['a one']);
    expect(second.told).toEqual(['a one', 'b one']);
  });

  it('is told the end once, whatever ends it next', async () => {
    const client = await open('ada');
    client.subscription.fail(new ClientError('SUBSCRIPTION_JWT_EXPIRED', 'Too late.'));
    client.subscription.fail(new ClientError('UNAUTHENTICATED', 'Again.'));
    expect(client.code).toBe('SUBSCRIPTION_JWT_EXPIRED');
    expect(source(0).isOpen).toBe(false);
  });
});
