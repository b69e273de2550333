/**
 * All subscriptions of a gateway, over all its generations. Those who asked the same are members of one topic.
 * In: requests of clients, and what they are planned as. Out: events to their sinks. Clock: per subscription.
 * A client's stream outlives generations, sources and tokens: it ends when the client or a subgraph ends it, or when
 * what it asks is not allowed any more.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { GraphQLError } from 'graphql';
import type { LiveSubscription, RefusedOperation, StopReason, SubscriptionEnd, SubscriptionSink } from '../client/door';
import { codeOf } from '../client/error-format';
import type { RequestContext } from '../context/request-context';
import { ClientError, type ErrorCode, errorTable } from '../errors';
import type { RawVariables } from '../operation/variables';
import { EventGate } from './event-gate';
import type { Gap } from './event-queue';
import { failureOf } from './fetch';
import type { SubgraphStreamEnd } from './subgraph-call';
import { type Member, type PlannedSubscription, Topic, type TopicOptions } from './topic';

/** What a client asks, in a form that every generation can plan. */
export interface SubscriptionRequest {
  readonly source: string;
  readonly operationName: string | undefined;
  readonly variables: RawVariables;
}

/** `begin`: limits are asked too. `again`: a subscription that goes on has been charged. */
export type PlanningOccasion = 'begin' | 'again';

/** Validates, admits and plans for who asks, under the generation that serves. Never rejects. */
export type PlanSubscription = (
  request: SubscriptionRequest,
  context: RequestContext,
  occasion: PlanningOccasion,
) => Promise<PlannedSubscription | RefusedOperation>;

/** A subscription that goes on, as the stages behind the doors know it. */
export type ClientSubscription = Omit<LiveSubscription, 'reauthorise'> & {
  reauthorise(context: RequestContext): Promise<void>;
};

export type EndReason = StopReason | 'complete' | ErrorCode;

/** Told of what happens, for metrics. None may throw. */
export interface SubscriptionObserver {
  started(subgraph: string): void;
  ended(subgraph: string, reason: EndReason): void;
  delivered(subgraph: string, count: number): void;
  gap(subgraph: string, gap: Gap): void;
}

export interface LiveSubscriptionsOptions {
  readonly plan: PlanSubscription;
  readonly topics: Pick<
    TopicOptions,
    'maxJoiningEvents' | 'maxWaitingEvents' | 'establishMs' | 'overlapMs' | 'schedule'
  >;
  readonly observer: SubscriptionObserver | undefined;
}

/** Events that wait for those of another topic; what takes longer than these is given up. */
const maxHeldEvents = 256;

/** Members that are planned again in one turn of the event loop. */
const plannedPerTurn = 100;

export class LiveSubscriptions {
  private readonly topics = new Map<string, Topic>();
  private readonly members = new Set<LiveMember>();
  private readonly topicOptions: TopicOptions;
  /** How many generations have served. */
  private epoch = 0;

  constructor(private readonly options: LiveSubscriptionsOptions) {
    const { observer, topics } = options;
    this.topicOptions = {
      ...topics,
      onDelivered: (subgraph, count) => observer?.delivered(subgraph, count),
      onGap: (subgraph, gap) => observer?.gap(subgraph, gap),
    };
  }

  /** Subscriptions of clients, and topics. */
  get counts(): { readonly subscriptions: number; readonly topics: number } {
    return { subscriptions: this.members.size, topics: this.topics.size };
  }

  async subscribe(
    request: SubscriptionRequest,
    context: RequestContext,
    sink: SubscriptionSink,
  ): Promise<ClientSubscription | RefusedOperation> {
    let extensions: LiveSubscription['extensions'];
    for (let occasion: PlanningOccasion = 'begin'; ; occasion = 'again') {
      const { epoch } = this;
      const planned = await this.options.plan(request, context, occasion);
      if (planned.kind === 'refused') return planned;
      extensions ??= planned.extensions;
      // Another generation serves since; what was charged is charged.
      if (epoch !== this.epoch) continue;
      const member = new LiveMember(request, context, sink, this, extensions);
      this.members.add(member);
      this.options.observer?.started(planned.subgraph);
      const topic = this.topicOf(planned, member, context);
      member.enter(topic, context);
      // It may be of an earlier generation still.
      void topic.moveTo(planned);
      return member;
    }
  }

  /**
   * Another generation serves from now on: every subscription is validated and planned again. Resolves when nothing
   * runs under an earlier one any more.
   */
  async replan(): Promise<void> {
    this.epoch += 1;
    const moves: Promise<void>[] = [];
    let index = 0;
    for (const member of [...this.members]) {
      moves.push(this.replanMember(member, member.wanted, refusedByReload));
      index += 1;
      if (index % plannedPerTurn === 0) await yieldToOthers();
    }
    await Promise.all(moves);
  }

  /** Ends all, each with this error. */
  endAll(error: ClientError): void {
    for (const member of [...this.members]) member.fail(error);
  }

  /** Plans for `context` and moves the member where that belongs. `refuse` words why it may not go on. */
  async replanMember(
    member: LiveMember,
    context: RequestContext,
    refuse: (refused: RefusedOperation) => readonly GraphQLError[],
  ): Promise<void> {
    const turn = member.takeTurn(context);
    const planned = await this.planAgain(member, context, turn);
    if (!member.hasTurn(turn)) return;
    if (planned.kind === 'refused') {
      member.end({ kind: 'error', errors: refuse(planned) });
      return;
    }
    const from = member.topic;
    if (planned.topic === from?.key) {
      from.renew(member, context);
      return from.moveTo(planned);
    }
    const to = this.topicOf(planned, member, context);
    const end = await to.awaitMember(member, context);
    if (!member.hasTurn(turn)) to.remove(member);
    else if (end) member.end(endForClient(end, to.subgraph));
    else member.enter(to, context);
  }

  /** What may go well in a moment is tried again, while the events are joined by the plan that there is. */
  private async planAgain(
    member: LiveMember,
    context: RequestContext,
    turn: number,
  ): Promise<PlannedSubscription | RefusedOperation> {
    const { plan, topics } = this.options;
    for (const delayMs of retryDelaysMs) {
      const planned = await plan(member.request, context, 'again');
      if (planned.kind === 'planned' || !mayPassLater(planned) || !member.hasTurn(turn)) return planned;
      await new Promise<void>((resolve) => topics.schedule(resolve, delayMs));
      if (!member.hasTurn(turn)) return planned;
    }
    return plan(member.request, context, 'again');
  }

  forget(member: LiveMember, reason: EndReason): void {
    this.members.delete(member);
    this.options.observer?.ended(member.topic?.subgraph ?? '', reason);
  }

  private topicOf(planned: PlannedSubscription, member: LiveMember, context: RequestContext): Topic {
    const known = this.topics.get(planned.topic);
    if (known) return known;
    const topic = new Topic(planned, member, context, this.topicOptions, (members, end) => {
      this.topics.delete(topic.key);
      if (!end) return;
      // One that has moved on may have waited here for what was left.
      const ended = (members as readonly LiveMember[]).filter((one) => (one.topic ?? topic) === topic);
      for (const one of ended) one.end(endForClient(end, topic.subgraph));
    });
    this.topics.set(topic.key, topic);
    return topic;
  }
}

/** Between attempts to plan a subscription again that fail for a reason that may pass. */
const retryDelaysMs: readonly number[] = [250, 500, 1_000, 2_000, 4_000, 8_000];

/** A planner that is busy or gone, a store that does not answer, a defect of ours: none is the client's doing. */
function mayPassLater({ errors }: RefusedOperation): boolean {
  return errors.every((error) => {
    const code = codeOf(error);
    return code === 'INTERNAL_SERVER_ERROR' || errorTable[code].retry;
  });
}

class LiveMember implements Member, ClientSubscription {
  readonly kind = 'live';
  topic: Topic | undefined;
  /** The topic before the present one, while events of it are joined still; and what has come from the present one. */
  private leaving: Topic | undefined;
  private readonly held: { readonly payload: string; readonly hasGap: boolean }[] = [];
  /** Where each event is admitted by itself. */
  private gate: EventGate | undefined;
  private isOver = false;
  /** Counts attempts to plan it again: the last one counts. */
  private turn = 0;

  constructor(
    readonly request: SubscriptionRequest,
    /** Who asked last. */
    public wanted: RequestContext,
    readonly sink: SubscriptionSink,
    private readonly owner: LiveSubscriptions,
    readonly extensions: LiveSubscription['extensions'],
  ) {}

  /** Gets the events of `topic` from now on, after what is left of those of the one before. */
  enter(topic: Topic, context: RequestContext): void {
    const before = this.topic;
    this.topic = topic;
    topic.add(this, context);
    if (!before) return;
    this.leaving = before;
    before.release(this, () => this.takeHeld());
  }

  take(topic: Topic, payload: string, hasGap: boolean): void {
    if (this.isOver) return;
    if (topic === this.topic && this.leaving) {
      this.held.push({ payload, hasGap });
      if (this.held.length > maxHeldEvents) this.takeHeld();
    } else this.hand(payload, hasGap);
  }

  private hand(payload: string, hasGap: boolean): void {
    const admit = this.topic?.planned.admitEvent;
    if (!admit) {
      this.sink.next(payload, hasGap);
      return;
    }
    this.gate ??= new EventGate({
      deliver: (admitted, isMarked) => this.sink.next(admitted, isMarked),
      onChanged: () => void this.reauthorise(this.wanted),
    });
    this.gate.push(payload, hasGap, () => admit(this.wanted));
  }

  private takeHeld(): void {
    this.leaving?.remove(this);
    this.leaving = undefined;
    for (const { payload, hasGap } of this.held.splice(0)) if (!this.isOver) this.hand(payload, hasGap);
  }

  takeTurn(wanted: RequestContext): number {
    this.wanted = wanted;
    this.turn += 1;
    return this.turn;
  }

  hasTurn(turn: number): boolean {
    return !this.isOver && turn === this.turn;
  }

  stop(reason: StopReason): void {
    this.leave(reason);
  }

  fail(error: ClientError): void {
    this.end({ kind: 'error', errors: [error] });
  }

  reauthorise(context: RequestContext): Promise<void> {
    return this.owner.replanMember(this, context, ({ errors }) => errors);
  }

  end(end: SubscriptionEnd): void {
    const finish = () => {
      const reason = end.kind === 'complete' ? 'complete' : codeOf(end.errors[0]);
      if (this.leave(reason)) this.sink.end(end);
    };
    // What came before its end is the client's.
    if (end.kind === 'complete' && this.gate) this.gate.whenDecided(finish);
    else finish();
  }

  private leave(reason: EndReason): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.owner.forget(this, reason);
    this.gate?.close();
    this.topic?.remove(this);
    this.leaving?.remove(this);
    return true;
  }
}

function refusedByReload({ errors }: RefusedOperation): readonly GraphQLError[] {
  const reason = errors.map(({ message }) => message).join(' ');
  const message = `The schema was reloaded, and the subscription does not fit it any more: ${reason}`;
  return [new ClientError('SUBSCRIPTION_SCHEMA_RELOAD', message)];
}

function endForClient(end: SubgraphStreamEnd, subgraph: string): SubscriptionEnd {
  switch (end.kind) {
    case 'complete':
      return end;
    case 'refused':
      return {
        kind: 'error',
        errors: end.errors.map((error) => {
          const { message, extensions } = failureOf(error, subgraph);
          return new GraphQLError(message, { extensions });
        }),
      };
    case 'lost': {
      const { code, message } = end.error;
      return { kind: 'error', errors: [new GraphQLError(message, { extensions: { code, serviceName: subgraph } })] };
    }
  }
}
