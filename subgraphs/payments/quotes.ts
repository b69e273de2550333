/**
 * Offers that outlive their request: a total, signed for one user, post and quantity. Clock: per request.
 * Payments cannot ask content for a discount when the money is due; the quote carries what `@requires` brought earlier.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { badUserInput } from '../shared/errors';
import type { Money } from './rows';

const LIFETIME_MS = 15 * 60 * 1000;
const MAX_TOKEN_LENGTH = 1000;

/** What a quote is for; it is worth nothing for anything else. */
export interface QuoteSubject {
  readonly userId: string;
  readonly postId: string;
  readonly quantity: number;
}

export interface Quotes {
  sign(subject: QuoteSubject, total: Money): { readonly token: string; readonly expiresAt: Date };
  /** The quoted total. Throws BAD_USER_INPUT when the token is forged, expired or for something else. */
  verify(token: string, subject: QuoteSubject, argument: string): Money;
}

/** Signs with HMAC-SHA256 under `secret`; `now` in milliseconds since the epoch. */
export function createQuotes(secret: string, now: () => number): Quotes {
  const signature = (payload: string) => createHmac('sha256', secret).update(`quote.${payload}`).digest();
  return {
    sign(subject, total) {
      const expiresAt = new Date(now() + LIFETIME_MS);
      const claims: QuoteClaims = [...subjectKeys(subject), total.amount, total.currency, expiresAt.getTime()];
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
      return { token: `${payload}.${signature(payload).toString('base64url')}`, expiresAt };
    },
    verify(token, subject, argument) {
      const refused = badUserInput('The quote is not valid for this purchase.', argument);
      const [payload, signed, ...rest] = token.length > MAX_TOKEN_LENGTH ? [] : token.split('.');
      if (payload === undefined || signed === undefined || rest.length > 0) throw refused;
      const given = Buffer.from(signed, 'base64url');
      const expected = signature(payload);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw refused;
      // Only we can have signed it, so its shape is ours.
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as QuoteClaims;
      const [userId, postId, quantity, amount, currency, expiresAt] = claims;
      if (subjectKeys(subject).join() !== [userId, postId, quantity].join()) throw refused;
      if (expiresAt <= now()) throw badUserInput('The quote has expired: ask for a new one.', argument);
      return { amount, currency };
    },
  };
}

type QuoteClaims = [string, string, number, number, Money['currency'], number];

function subjectKeys({ userId, postId, quantity }: QuoteSubject): [string, string, number] {
  return [userId.toLowerCase(), postId.toLowerCase(), quantity];
}
