/**
 * Who may do what, in any subgraph. In: the caller that the gateway vouches for. Out: a decision or a refusal.
 */
import { isUuid } from './database';
import { forbidden, unauthenticated } from './errors';
import type { Caller } from './identity';

/** The caller's id as a database key; null for nobody and for somebody who is no user of this graph. */
export function callerId(caller: Caller): string | null {
  return caller.kind === 'user' && isUuid(caller.id) ? caller.id.toLowerCase() : null;
}

/** The caller's id. Throws UNAUTHENTICATED for nobody, FORBIDDEN for an identity that is no user of this graph. */
export function requireUser(caller: Caller): string {
  if (caller.kind !== 'user') throw unauthenticated();
  const id = callerId(caller);
  if (id === null) throw forbidden('This identity is not a user of this graph.');
  return id;
}

export const isAdmin = (caller: Caller): boolean => caller.kind === 'user' && caller.roles.includes('ADMIN');

/** Throws UNAUTHENTICATED for nobody and FORBIDDEN for everybody who is not an ADMIN. */
export function requireAdmin(caller: Caller): string {
  const id = requireUser(caller);
  if (!isAdmin(caller)) throw forbidden('Only an ADMIN may do this.');
  return id;
}

/** Whether the caller is user `userId` or an ADMIN. */
export function isSelf(caller: Caller, userId: string): boolean {
  return isAdmin(caller) || callerId(caller) === userId.toLowerCase();
}

/** Throws UNAUTHENTICATED for nobody and FORBIDDEN for everybody but user `userId` and an ADMIN. */
export function requireSelf(caller: Caller, userId: string): void {
  if (caller.kind !== 'user') throw unauthenticated();
  if (!isSelf(caller, userId)) throw forbidden('Only the user and an ADMIN may see this.');
}
