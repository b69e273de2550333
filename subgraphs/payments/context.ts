/**
 * What every payments resolver is given. Clock: per request, and per event.
 */
import type { Database } from '../shared/database';
import type { Events } from '../shared/events';
import type { Caller } from '../shared/identity';
import type { PaymentsLoaders } from './loaders';
import type { Quotes } from './quotes';

export interface PaymentsContext {
  readonly caller: Caller;
  readonly db: Database;
  readonly events: Events;
  readonly quotes: Quotes;
  /** Replaced after each mutation, so that its answer is read afresh. */
  loaders: PaymentsLoaders;
}
