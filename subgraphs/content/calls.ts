/**
 * Calls: what the two do, kept and told. In: the caller and input. Out: rows, refusals, events once they are committed.
 * Who is not one of the two learns nothing, not even that there is a call; ADMINs are no exception.
 */
import { requireUser } from '../shared/access';
import { type Database, isUuid } from '../shared/database';
import { badUserInput, notFound, refusal } from '../shared/errors';
import type { EventStream, Events } from '../shared/events';
import type { Caller } from '../shared/identity';
import { type CallAction, decideCall } from './call-state';
import type { ContentContext } from './context';
import type { CallInitiateInput, IceCandidateInput } from './generated/resolvers';
import { type CallRow, type CallSignalEvent, callColumns } from './rows';
import { checkText } from './validate';

const MAX_SDP = 65_536;
const MAX_CANDIDATE = 2_000;

const topicOf = (userId: string) => `content:callSignal:${userId}`;
const noSuchCall = () => notFound('There is no such call.');

/** Everything that is signalled to the caller. Throws UNAUTHENTICATED. */
export async function listenToCalls({ caller, events }: ContentContext): Promise<EventStream<CallSignalEvent>> {
  return await events.listen<CallSignalEvent>(topicOf(requireUser(caller)));
}

async function tell(events: Events, event: CallSignalEvent, to: 'both' | 'other'): Promise<CallRow> {
  const { call, fromId } = event;
  const hearers = [call.callerId, call.calleeId].filter((id) => to === 'both' || id !== fromId);
  await Promise.all(hearers.map((id) => events.publish(topicOf(id), event)));
  return call;
}

/** Null for everybody but the two. Throws UNAUTHENTICATED. */
export async function findCall(db: Database, caller: Caller, id: string): Promise<CallRow | null> {
  const userId = requireUser(caller);
  if (!isUuid(id)) return null;
  const [call] = await db.query<CallRow>(
    `select ${callColumns} from calls where id = $1 and $2 in (caller_id, callee_id)`,
    [id, userId],
  );
  return call ?? null;
}

/** Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND (the conversation), CONFLICT. */
export async function initiateCall(context: ContentContext, input: CallInitiateInput): Promise<CallRow> {
  const { caller, db, events, loaders } = context;
  const userId = requireUser(caller);
  const conversation = await loaders.conversation.load(input.conversationId);
  if (!conversation) throw notFound('There is no such conversation.');
  const calleeId = input.calleeId.toLowerCase();
  const participants = await loaders.participantsOf.load(conversation.id);
  if (calleeId === userId || !participants.some((participant) => participant.userId === calleeId)) {
    throw badUserInput('The callee must be another participant of the conversation.', 'input.calleeId');
  }
  const call = await db.transaction(async (tx) => {
    // One after the other, or two who call each other at once would both ring.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [conversation.id]);
    await refuseSecondCall(tx, conversation.id, userId, calleeId);
    const [row] = await tx.query<CallRow>(
      `insert into calls (conversation_id, caller_id, callee_id, media) values ($1, $2, $3, $4) returning ${callColumns}`,
      [conversation.id, userId, calleeId, input.media],
    );
    if (!row) throw new Error('A call was not written');
    return row;
  });
  return await tell(events, { kind: 'CallIncoming', call, fromId: userId }, 'other');
}

async function refuseSecondCall(tx: Database, conversationId: string, one: string, other: string): Promise<void> {
  const [running] = await tx.query<{ id: string }>(
    `select id from calls
     where conversation_id = $1 and caller_id = any($2::uuid[]) and callee_id = any($2::uuid[])
       and (status = 'ACCEPTED' or (status = 'RINGING' and rings_until > now())) limit 1`,
    [conversationId, [one, other]],
  );
  if (running) throw refusal('CONFLICT', 'There is a call of these two already.', { callId: running.id });
}

const stepKinds = { accept: 'CallAccepted', reject: 'CallRejected', end: 'CallEnded' } as const;

/** Throws UNAUTHENTICATED, NOT_FOUND, FORBIDDEN, CONFLICT. */
export async function stepCall(context: ContentContext, id: string, action: keyof typeof stepKinds): Promise<CallRow> {
  const { call, userId } = await act(context, id, action);
  return await tell(context.events, { kind: stepKinds[action], call, fromId: userId }, 'both');
}

const descriptionKinds = { offer: 'CallOffer', answer: 'CallAnswer' } as const;

/** Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND, CONFLICT. */
export async function describeCall(
  context: ContentContext,
  id: string,
  action: keyof typeof descriptionKinds,
  sdp: string,
): Promise<CallRow> {
  checkText(sdp, 'sdp', MAX_SDP);
  const { call, userId } = await act(context, id, action);
  return await tell(context.events, { kind: descriptionKinds[action], call, fromId: userId, sdp }, 'other');
}

/** Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND, CONFLICT. */
export async function sendCandidate(context: ContentContext, id: string, input: IceCandidateInput): Promise<CallRow> {
  const { candidate, sdpMid = null, sdpMLineIndex = null, usernameFragment = null } = input;
  for (const [name, text] of Object.entries({ candidate, sdpMid, usernameFragment })) {
    if (text !== null && text.length > MAX_CANDIDATE) {
      throw badUserInput(`${name} must be at most ${MAX_CANDIDATE} characters.`, `input.${name}`);
    }
  }
  const userId = requireUser(context.caller);
  const call = await findCall(context.db, context.caller, id);
  if (!call) throw noSuchCall();
  decideCall(call, 'signal', userId);
  const event = { candidate, sdpMid, sdpMLineIndex, usernameFragment };
  return await tell(context.events, { kind: 'CallIceCandidate', call, fromId: userId, ...event }, 'other');
}

/** Moves the call on under a lock: of two who act at once, the second finds what the first left. */
async function act(
  { caller, db }: ContentContext,
  id: string,
  action: CallAction,
): Promise<{ readonly call: CallRow; readonly userId: string }> {
  const userId = requireUser(caller);
  if (!isUuid(id)) throw noSuchCall();
  return await db.transaction(async (tx) => {
    const [before] = await tx.query<CallRow>(
      `select ${callColumns} from calls where id = $1 and $2 in (caller_id, callee_id) for update`,
      [id, userId],
    );
    if (!before) throw noSuchCall();
    const { status, offeredBy } = decideCall(before, action, userId);
    const [call] = await tx.query<CallRow>(
      `update calls set status = $2, offered_by = $3,
         answered_at = case when $2 in ('ACCEPTED', 'REJECTED') then coalesce(answered_at, now()) else answered_at end,
         ended_at = case when $2 in ('REJECTED', 'ENDED') then now() end
       where id = $1 returning ${callColumns}`,
      [before.id, status, offeredBy],
    );
    if (!call) throw new Error('A locked call is gone');
    return { call, userId };
  });
}
