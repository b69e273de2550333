/**
 * Who may do what in content, beyond what holds everywhere. In: the caller and a row. Out: a decision.
 */
import { callerId, isAdmin } from '../shared/access';
import type { Caller } from '../shared/identity';
import type { PostRow } from './rows';

/** The author and an ADMIN change a post. */
export function mayEdit(caller: Caller, post: PostRow): boolean {
  return isAdmin(caller) || callerId(caller) === post.authorId;
}
