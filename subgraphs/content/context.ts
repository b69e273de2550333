/**
 * What every content resolver is given. Clock: per request, and per event.
 */
import type { Database } from '../shared/database';
import type { Events } from '../shared/events';
import type { Caller } from '../shared/identity';
import type { ContentLoaders } from './loaders';

export interface ContentContext {
  readonly caller: Caller;
  readonly db: Database;
  readonly events: Events;
  /** Replaced after each mutation, so that its answer is read afresh. */
  loaders: ContentLoaders;
}
