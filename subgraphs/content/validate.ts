/**
 * What clients write, checked before it is kept. In: a value and the name of its argument. Out: nothing, or a refusal.
 */
import { isUuid } from '../shared/database';
import { badUserInput } from '../shared/errors';

export const MAX_TITLE = 200;
export const MAX_POST_BODY = 20_000;
export const MAX_MESSAGE = 5_000;
export const MAX_NOTE = 500;
const MAX_TAGS = 10;
const MAX_MEDIA = 10;
const MAX_DISCOUNT = 90;

/** Throws BAD_USER_INPUT when `text` is blank, longer than `max` or holds NUL, which Postgres cannot keep. */
export function checkText(text: string, argument: string, max: number): void {
  if (text.trim() === '' || text.length > max)
    throw badUserInput(`${argument} must be 1 to ${max} characters.`, argument);
  if (text.includes('\0')) throw badUserInput(`${argument} must not hold NUL.`, argument);
}

/** Throws BAD_USER_INPUT when there are more than ten tags, or one is not of lower-case letters, digits and hyphens. */
export function checkTags(tags: readonly string[], argument: string): void {
  if (tags.length > MAX_TAGS) throw badUserInput(`There may be at most ${MAX_TAGS} tags.`, argument);
  if (!tags.every((tag) => /^[a-z0-9-]{1,40}$/.test(tag))) {
    throw badUserInput('A tag is 1 to 40 lower-case letters, digits and hyphens.', argument);
  }
}

/** Throws BAD_USER_INPUT when `percent` is not 0..90. */
export function checkDiscount(percent: number, argument: string): void {
  if (percent < 0 || percent > MAX_DISCOUNT) {
    throw badUserInput(`${argument} must be between 0 and ${MAX_DISCOUNT}.`, argument);
  }
}

/** Throws BAD_USER_INPUT when there are more than ten, one is twice, or one is no id. */
export function checkMediaIds(ids: readonly string[], argument: string): void {
  if (ids.length > MAX_MEDIA) throw badUserInput(`There may be at most ${MAX_MEDIA} media items.`, argument);
  if (!ids.every(isUuid)) throw badUserInput('This is not an id.', argument);
  if (new Set(ids.map((id) => id.toLowerCase())).size < ids.length)
    throw badUserInput('An id is there twice.', argument);
}
