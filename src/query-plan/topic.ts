/**
 * One subscription of all who asked the same: one source of events at a subgraph, one join for each event, one text
 * for all members. In: events, and plans of one generation after the other. Out: payloads for the members.
 * Clock: per event. It changes its source without losing an event, and ends when nobody listens any more.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { RequestContext } from '../context/request-context';
import { InternalError } from '../errors';
import type { EventVerdict } from './event-gate';
import { EventQueue, type Gap } from './event-queue';
import { Handover } from './handover';
import type { SubgraphEvents, SubgraphResponse, SubgraphStreamEnd } from './subgraph-call';

/** A subscription as one generation runs it. */
export interface PlannedSubscription {
  readonly kind: 'planned';
  /** Whoever has an equal one gets the same payloads. */
  readonly topic: string;
  readonly subgraph: string;
  /** Equal sources send the same events. */
  readonly source: string;
  /** What is told of its beginning, to whoever it was planned for alone. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
  /** Every payload has `extensions`. */
  readonly isExplained?: boolean;
  /** Whether the next event may go to who asks as `context` does; absent: nobody has to ask. Never rejects. */
  readonly admitEvent?: ((context: RequestContext) => Promise<EventVerdict>) | undefined;
  /** As `SubgraphSource.open`. */
  open(whoAsks: () => RequestContext, isPatient: boolean, events: SubgraphEvents): () => void;
  /** The payload of an event, for all who ask as `context` does. Never rejects. */
  join(event: SubgraphResponse, context: RequestContext, gap: Gap | undefined): Promise<string>;
}

/** Who listens to a topic. */
export interface Member {
  /** Gets an event of `topic`. */
  take(topic: Topic, payload: string, hasGap: boolean): void;
}

export interface TopicOptions {
  readonly maxJoiningEvents: number;
  readonly maxWaitingEvents: number;
  /** How long a source may take to be established before the one that it follows is given up. */
  readonly establishMs: number;
  /** How long both are listened to then, until an event is known to have come from both. */
  readonly overlapMs: number;
  /** Returns what cancels it. */
  schedule(callback: () => void, delayMs: number): () => void;
  onDelivered(subgraph: string, count: number): void;
  onGap(subgraph: string, gap: Gap): void;
}

/** Told once: by a subgraph that ended, or `undefined` when nobody listened any more. */
export type OnTopicEnd = (members: readonly Member[], end: SubgraphStreamEnd | undefined) => void;

interface Event {
  readonly response: SubgraphResponse;
  readonly planned: PlannedSubscription;
}

/** A source that is open, and the plan that its events are joined by. */
interface Feed {
  planned: PlannedSubscription;
  readonly stop: () => void;
  /** Tells that it has taken the place of the one before. */
  readonly settle: () => void;
  /** Settled when its events are complete from now on, or it has ended. */
  readonly established: Promise<void>;
  /** Settled when it has taken the place of the one before, or is stopped. */
  readonly settled: Promise<void>;
  isEstablished: boolean;
  /** Its next event comes after some that may have been lost. */
  afterGap: boolean;
  /** From the one before; absent for the first. */
  readonly handover: Handover | undefined;
}

/** Others wait no longer than for the writing of so many. */
const deliveredPerTurn = 1_000;

export class Topic {
  readonly key: string;
  /** Each as who it asked here: that of a member elsewhere may be another. */
  private readonly members = new Map<Member, RequestContext>();
  /** Those who will be members once the topic is established, or what was sent before them is delivered. */
  private readonly arriving = new Map<Member, RequestContext>();
  private readonly queue: EventQueue<Event>;
  private feed: Feed;
  private nextFeed: Feed | undefined;
  private isOver = false;
  private ending: SubgraphStreamEnd | undefined;

  constructor(
    planned: PlannedSubscription,
    first: Member,
    context: RequestContext,
    private readonly options: TopicOptions,
    private readonly onEnd: OnTopicEnd,
  ) {
    this.key = planned.topic;
    this.arriving.set(first, context);
    this.queue = new EventQueue({
      join: ({ response, planned }, gap) => planned.join(response, this.whoAsks(), gap),
      deliver: (payload, gap) => this.deliver(payload, gap),
      maxJoining: options.maxJoiningEvents,
      maxWaiting: options.maxWaitingEvents,
    });
    this.feed = this.open(planned, undefined);
  }

  /** By what events that come now are joined. */
  get planned(): PlannedSubscription {
    return this.feed.planned;
  }

  get subgraph(): string {
    return this.feed.planned.subgraph;
  }

  /** Gives the member every event that the subgraph sends from now on. */
  add(member: Member, context: RequestContext): void {
    this.arriving.set(member, context);
    this.queue.whenReached(() => {
      // It may have left, or all may be over.
      const asked = this.arriving.get(member);
      if (this.arriving.delete(member) && asked) this.members.set(member, asked);
    });
  }

  /** The member asks as `context` now, whom subgraphs cannot tell from before. */
  renew(member: Member, context: RequestContext): void {
    for (const members of [this.members, this.arriving]) if (members.has(member)) members.set(member, context);
  }

  /** Gives the member no event that the subgraph sends from now on, and calls back when it had all from before. */
  release(member: Member, onReleased: () => void): void {
    this.queue.whenReached(() => {
      this.remove(member);
      onReleased();
    });
  }

  /** Resolves when the topic is established, so that a member who is added then misses nothing; or with its end. */
  async awaitMember(member: Member, context: RequestContext): Promise<SubgraphStreamEnd | undefined> {
    this.arriving.set(member, context);
    await this.feed.established;
    return this.ending;
  }

  /** The topic ends with its last member. */
  remove(member: Member): void {
    this.members.delete(member);
    this.arriving.delete(member);
    if (this.members.size === 0 && this.arriving.size === 0) this.close(undefined);
  }

  /**
   * Joins events by another plan from now on. Another source is opened before the present one is closed. Resolves when
   * no event is joined by an earlier plan any more.
   */
  async moveTo(planned: PlannedSubscription): Promise<void> {
    if (this.isOver) return;
    if (planned.source === this.feed.planned.source) {
      this.nextFeed?.stop();
      this.nextFeed = undefined;
      this.feed.planned = planned;
    } else {
      if (this.nextFeed?.planned.source !== planned.source) {
        this.nextFeed?.stop();
        this.nextFeed = this.open(planned, new Handover());
      }
      this.nextFeed.planned = planned;
      await this.nextFeed.settled;
    }
    await this.queue.reached();
  }

  /** Takes the place of the present feed, unless another one was preferred since. */
  private follow(next: Feed): void {
    if (this.nextFeed !== next) return;
    next.afterGap = !next.isEstablished;
    this.feed.stop();
    this.feed = next;
    this.nextFeed = undefined;
    next.settle();
    for (const { response, afterGap } of next.handover?.release() ?? []) this.push(next, response, afterGap);
  }

  private open(planned: PlannedSubscription, handover: Handover | undefined): Feed {
    const [established, settled] = [openSignal(), openSignal()];
    const { establishMs, overlapMs, schedule } = this.options;
    let stopTimer = () => {};
    let isStopped = false;
    let stop = () => {};
    const finish = () => {
      isStopped = true;
      stopTimer();
      established.settle();
      settled.settle();
    };
    const feed: Feed = {
      planned,
      established: established.settled,
      settled: settled.settled,
      settle: () => {
        stopTimer();
        settled.settle();
      },
      stop: () => {
        if (isStopped) return;
        finish();
        stop();
      },
      isEstablished: false,
      afterGap: false,
      handover,
    };
    const events: SubgraphEvents = {
      onEstablished: () => {
        feed.isEstablished = true;
        established.settle();
        stopTimer();
        // That a subgraph has read a subscription does not tell that it sends events already.
        if (feed === this.nextFeed) stopTimer = schedule(() => this.follow(feed), overlapMs);
      },
      onEvent: (response, afterGap) => this.takeEvent(feed, response, afterGap),
      onEnd: (end) => {
        finish();
        this.onFeedEnd(feed, end);
      },
    };
    if (handover) stopTimer = schedule(() => this.follow(feed), establishMs);
    stop = planned.open(() => this.whoAsks(), handover !== undefined, events);
    return feed;
  }

  private takeEvent(feed: Feed, response: SubgraphResponse, afterGap: boolean): void {
    const { nextFeed } = this;
    if (feed === nextFeed) {
      if (feed.handover?.takeNext(response, afterGap)) this.follow(feed);
    } else if (feed === this.feed && !feed.handover?.isRepeated(response)) {
      if (nextFeed?.handover?.takeFormer(response)) this.follow(nextFeed);
      else this.push(feed, response, afterGap);
    }
  }

  private push(feed: Feed, response: SubgraphResponse, afterGap: boolean): void {
    this.queue.push({ response, planned: feed.planned }, afterGap || feed.afterGap ? 'RECONNECTED' : undefined);
    feed.afterGap = false;
  }

  private onFeedEnd(feed: Feed, end: SubgraphStreamEnd): void {
    if (this.nextFeed && feed === this.feed) this.follow(this.nextFeed);
    else if (feed === this.feed || feed === this.nextFeed) this.finish(end);
  }

  /** What came before the end is delivered before it. */
  private finish(end: SubgraphStreamEnd): void {
    this.ending ??= end;
    void this.queue.reached().then(() => this.close(end));
  }

  private close(end: SubgraphStreamEnd | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.feed.stop();
    this.nextFeed?.stop();
    const members = [...this.members.keys(), ...this.arriving.keys()];
    this.members.clear();
    this.arriving.clear();
    this.queue.clear();
    this.onEnd(members, end);
  }

  private whoAsks(): RequestContext {
    for (const members of [this.members, this.arriving]) for (const context of members.values()) return context;
    throw new InternalError('a topic without members is closed');
  }

  private deliver(payload: string, gap: Gap | undefined): Promise<void> | undefined {
    if (gap) this.options.onGap(this.subgraph, gap);
    this.options.onDelivered(this.subgraph, this.members.size);
    const hasExtensions = gap !== undefined || this.planned.isExplained === true;
    if (this.members.size > deliveredPerTurn) return this.deliverInTurns(payload, hasExtensions);
    for (const member of this.members.keys()) member.take(this, payload, hasExtensions);
    return undefined;
  }

  /** Nobody joins meanwhile: members are added between two events. */
  private async deliverInTurns(payload: string, hasGap: boolean): Promise<void> {
    let left = deliveredPerTurn;
    for (const member of this.members.keys()) {
      member.take(this, payload, hasGap);
      left -= 1;
      if (left > 0) continue;
      await yieldToOthers();
      left = deliveredPerTurn;
    }
  }
}

function openSignal(): { readonly settled: Promise<void>; readonly settle: () => void } {
  let settle = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { settled, settle };
}
