/**
 * `POST /webhooks/provider`: the payment provider tells how a transfer ended. It comes without the gateway.
 * In: `{ "id": "evt_1", "type": "payment.succeeded", "data": { "reference": "..." } }`, signed. Out: 2xx once it is kept.
 * A provider sends again what was not answered 2xx, so an event that fits no payment yet is refused and not remembered.
 */
import { createHash } from 'node:crypto';
import type { Log } from '../../src/telemetry/log';
import type { Database } from '../shared/database';
import type { Events } from '../shared/events';
import { type HttpRequest, type HttpResponse, type HttpRoute, jsonResponse } from '../shared/http-server';
import { type Advance, withMoves } from './moves';
import { isConflict, type PaymentStatus } from './payment-state';
import { lockByReference } from './payments';
import { verifyWebhook } from './webhook-signature';

export const WEBHOOK_PATH = '/webhooks/provider';
const MAX_BODY_BYTES = 64 * 1024;

export interface WebhookOptions {
  /** All that are valid now: two while the provider changes them. */
  readonly secrets: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
}

interface ProviderEvent {
  readonly id: string;
  readonly type: string;
  readonly reference: string;
  readonly reason: string | undefined;
}

/** What each event makes of its payment; other types are kept and have no effect. */
const EFFECTS: ReadonlyMap<string, PaymentStatus> = new Map([
  ['payment.succeeded', 'SUCCEEDED'],
  ['payment.failed', 'FAILED'],
]);

/**
 * The route. 200 `processed`, `duplicate` or `ignored`; 400 no event; 401 signature; 404 no such payment;
 * 409 the state machine or another event of this id is in the way; 413 over 64 KB.
 */
export function webhookRoute(db: Database, events: Events, options: WebhookOptions): HttpRoute {
  return {
    method: 'POST',
    path: WEBHOOK_PATH,
    async handle(request) {
      if (request.body.length > MAX_BODY_BYTES) return refused(413, 'PAYLOAD_TOO_LARGE');
      const verdict = check(request, options);
      if (!verdict.valid) {
        options.log.warn({ subgraph: 'payments', cause: verdict.cause }, 'Refused a webhook');
        return refused(401, 'SIGNATURE_REFUSED');
      }
      const event = readEvent(request.body);
      return event ? await receive(db, events, event, request.body) : refused(400, 'BAD_REQUEST');
    },
  };
}

function check(request: HttpRequest, { secrets, now }: WebhookOptions): ReturnType<typeof verifyWebhook> {
  return verifyWebhook(request.headers['webhook-signature'], request.body, secrets, now());
}

async function receive(db: Database, events: Events, event: ProviderEvent, body: Buffer): Promise<HttpResponse> {
  const bodyHash = createHash('sha256').update(body).digest('hex');
  try {
    return await withMoves(db, events, async (tx, advance) => {
      // Two deliveries of one event meet here: the second waits for the first to commit, and is then a duplicate.
      const fresh = await tx.query(
        'insert into webhook_events (id, type, body_hash) values ($1, $2, $3) on conflict (id) do nothing returning id',
        [event.id, event.type, bodyHash],
      );
      return fresh.length > 0 ? await apply(tx, advance, event) : await answerKnown(tx, event, bodyHash);
    });
  } catch (error) {
    if (error instanceof UnknownPayment) return refused(404, 'NOT_FOUND');
    if (isConflict(error)) return refused(409, 'CONFLICT');
    throw error;
  }
}

/** Thrown to take the transaction back: the event must not count as received. */
class UnknownPayment extends Error {}

async function apply(tx: Database, advance: Advance, event: ProviderEvent): Promise<HttpResponse> {
  const to = EFFECTS.get(event.type);
  if (!to) return jsonResponse(200, { status: 'ignored' });
  const payment = await lockByReference(tx, event.reference);
  if (!payment) throw new UnknownPayment();
  await advance(payment, to, to === 'FAILED' ? { failureReason: event.reason ?? 'unknown' } : {});
  return jsonResponse(200, { status: 'processed' });
}

async function answerKnown(tx: Database, event: ProviderEvent, bodyHash: string): Promise<HttpResponse> {
  const sql = 'select body_hash as "bodyHash" from webhook_events where id = $1';
  const [known] = await tx.query<{ bodyHash: string }>(sql, [event.id]);
  return known?.bodyHash === bodyHash ? jsonResponse(200, { status: 'duplicate' }) : refused(409, 'CONFLICT');
}

function readEvent(body: Buffer): ProviderEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  const event = record(value);
  const data = record(event?.data);
  const [id, type, reference] = [text(event?.id), text(event?.type), text(data?.reference)];
  if (id === undefined || type === undefined || reference === undefined) return undefined;
  return { id, type, reference, reason: text(data?.reason) };
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

/** What fits a column: Postgres text holds no NUL. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 200 && !value.includes('\0') ? value : undefined;
}

function refused(status: number, code: string): HttpResponse {
  return jsonResponse(status, { status: 'refused', code });
}
