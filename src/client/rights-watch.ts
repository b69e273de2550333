/**
 * Subscriptions live no longer than the rights of who asked for them: at the moment a token expires, and within
 * `recheckMs` after an API key was revoked or lost a right. In: subscriptions that began, over any transport.
 * Out: those that may not go on are ended, the others asked for again as who asks now. Clock: per subscription.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { ClientError } from '../errors';
import type { LiveSubscription, RequestScope, Rights } from './door';
import { onExpiry, type Schedule } from './expiry';

export interface RightsWatchOptions {
  readonly rights: Rights;
  /** Between two looks at what cannot tell by itself that it has ended. */
  readonly recheckMs: number;
  readonly now: () => number;
  readonly schedule: Schedule;
}

/** One subscription under watch. */
export interface Watched {
  /** Asks for it as `next` does from now on, and disposes of that: the token was refreshed. Never rejects. */
  become(next: RequestScope): Promise<void>;
  /** It is over. May be called twice. */
  stop(): void;
}

/** Subscriptions that are looked at in one turn of the event loop. */
const checkedPerTurn = 200;

export class RightsWatch {
  private readonly watched = new Set<WatchedSubscription>();
  private stopTimer: () => void;

  constructor(private readonly options: RightsWatchOptions) {
    this.stopTimer = this.wait();
  }

  /** Watches a subscription that `scope` began, which may be disposed of already, until it is stopped. */
  watch(live: LiveSubscription, scope: RequestScope): Watched {
    const watched: WatchedSubscription = new WatchedSubscription(live, scope, this.options, () =>
      this.watched.delete(watched),
    );
    this.watched.add(watched);
    return watched;
  }

  /** Looks at every subscription now. Never rejects. */
  async recheck(): Promise<void> {
    const all = [...this.watched];
    for (let from = 0; from < all.length; from += checkedPerTurn) {
      await Promise.all(all.slice(from, from + checkedPerTurn).map((watched) => watched.recheck()));
      await yieldToOthers();
    }
  }

  private wait(): () => void {
    const { schedule, recheckMs } = this.options;
    return schedule(() => {
      void this.recheck().then(() => {
        if (!this.isClosed) this.stopTimer = this.wait();
      });
    }, recheckMs);
  }

  private isClosed = false;

  /** Looks at nothing any more; subscriptions still end when their tokens expire. */
  close(): void {
    this.isClosed = true;
    this.stopTimer();
  }
}

class WatchedSubscription implements Watched {
  private isOver = false;
  private cancelExpiry: () => void;

  constructor(
    private readonly live: LiveSubscription,
    private scope: RequestScope,
    private readonly options: RightsWatchOptions,
    private readonly onStop: () => void,
  ) {
    this.cancelExpiry = this.watchExpiry();
  }

  private watchExpiry(): () => void {
    const { rights } = this.options;
    return onExpiry(rights.expiryOf(this.scope), this.options, () => {
      this.live.fail(new ClientError('SUBSCRIPTION_JWT_EXPIRED', 'The token has expired and was not refreshed.'));
    });
  }

  /** Never rejects. */
  async recheck(): Promise<void> {
    const { scope } = this;
    const { rights, now } = this.options;
    // The timer tells it in words of its own.
    if (this.isOver || rights.expiryOf(scope) <= now()) return;
    try {
      const next = await rights.renew(scope);
      if (!next) return;
      // Refreshed meanwhile: what was asked of the one before does not count.
      if (scope === this.scope) await this.become(next);
      else next.dispose();
    } catch (error) {
      if (scope === this.scope) this.refuse(error);
    }
  }

  /** What nobody can tell now is no reason: it is asked again. */
  private refuse(error: unknown): void {
    if (this.isOver) return;
    if (!(error instanceof ClientError)) {
      this.scope.log.error({ error: String(error) }, 'The rights behind a subscription could not be looked at');
    } else if (error.code !== 'AUTHENTICATION_UNAVAILABLE') this.live.fail(error);
  }

  async become(next: RequestScope): Promise<void> {
    try {
      if (this.isOver) return;
      this.scope = next;
      this.cancelExpiry();
      this.cancelExpiry = this.watchExpiry();
      await this.live.reauthorise(next);
    } finally {
      next.dispose();
    }
  }

  stop(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.cancelExpiry();
    this.onStop();
  }
}
