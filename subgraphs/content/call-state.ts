/**
 * The life of a call: the one place that says who may do what in which status.
 * In: a call, and what one of the two wants to do. Out: what becomes of it, or a refusal.
 */
import { forbidden, refusal } from '../shared/errors';

export type CallStatus = 'RINGING' | 'ACCEPTED' | 'REJECTED' | 'ENDED' | 'MISSED';

export type CallAction = 'accept' | 'reject' | 'end' | 'offer' | 'answer' | 'signal';

type Role = 'caller' | 'callee';

interface Rule {
  /** Who may do it, by the status that allows it. */
  readonly by: Readonly<Partial<Record<CallStatus, readonly Role[]>>>;
  readonly to?: CallStatus;
}

const both: readonly Role[] = ['caller', 'callee'];

const rules: Readonly<Record<CallAction, Rule>> = {
  accept: { by: { RINGING: ['callee'] }, to: 'ACCEPTED' },
  reject: { by: { RINGING: ['callee'] }, to: 'REJECTED' },
  end: { by: { RINGING: ['caller'], ACCEPTED: both }, to: 'ENDED' },
  offer: { by: { ACCEPTED: both } },
  answer: { by: { ACCEPTED: both } },
  signal: { by: { ACCEPTED: both } },
};

/** What a decision looks at. */
export interface CallState {
  readonly callerId: string;
  readonly calleeId: string;
  readonly status: CallStatus;
  /** Whose offer waits for its answer. */
  readonly offeredBy: string | null;
}

/**
 * The state after `userId`, who is one of the two, did `action`. Throws FORBIDDEN when the action is the other one's,
 * CONFLICT, with the status in its extensions, when the call does not allow it now.
 */
export function decideCall(
  call: CallState,
  action: CallAction,
  userId: string,
): Pick<CallState, 'status' | 'offeredBy'> {
  const { by, to } = rules[action];
  const role: Role = userId === call.callerId ? 'caller' : 'callee';
  const allowed = by[call.status];
  const { status } = call;
  if (!allowed) throw refusal('CONFLICT', `A call that is ${status} does not allow it: ${action}.`, { status });
  if (!allowed.includes(role)) throw forbidden(`While it is ${status}, this is for the other one: ${action}.`);
  if (action === 'offer' && call.offeredBy !== null) {
    throw refusal('CONFLICT', 'There is an offer that waits for its answer.', { status });
  }
  if (action === 'answer' && (call.offeredBy === null || call.offeredBy === userId)) {
    throw refusal('CONFLICT', 'There is no offer of the other one to answer.', { status });
  }
  const offeredBy = action === 'offer' ? userId : action === 'answer' || to ? null : call.offeredBy;
  return { status: to ?? status, offeredBy };
}
