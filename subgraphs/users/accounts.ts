/**
 * Accounts: registering, checking a password, changing a profile and roles.
 * In: a client's input. Out: a UserRow, or a refusal that names the input. Never answers a password hash.
 */
import { type Database, isUniqueViolation, isUuid } from '../shared/database';
import { badUserInput, conflict } from '../shared/errors';
import type { LoginInput, RegisterInput, Role, UpdateProfileInput } from './generated/resolvers';
import type { Passwords } from './passwords';
import { USER_COLUMNS, type UserRow } from './rows';

const MIN_PASSWORD = 8;
const MAX_PASSWORD = 256;
const MAX_DISPLAY_NAME = 80;
const MAX_BIO = 500;
const MAX_URL = 2_000;
const MAX_EMAIL = 254;

/** Makes an account. Throws BAD_USER_INPUT for what is not allowed and CONFLICT for a name or address that is taken. */
export async function registerUser(db: Database, passwords: Passwords, input: RegisterInput): Promise<UserRow> {
  const username = input.username;
  if (!/^[a-z][a-z0-9_]{2,31}$/.test(username)) {
    const rule = '3 to 32 lower-case letters, digits and underscores, beginning with a letter';
    throw badUserInput(`The username must be ${rule}.`, 'input.username');
  }
  const email = input.email.trim().toLowerCase();
  if (email.length > MAX_EMAIL || !/^[^\s@\p{Cc}]+@[^\s@.\p{Cc}]+(\.[^\s@.\p{Cc}]+)+$/u.test(email)) {
    throw badUserInput('The email address is not one.', 'input.email');
  }
  const { length } = input.password;
  if (length < MIN_PASSWORD || length > MAX_PASSWORD) {
    throw badUserInput(`The password must have ${MIN_PASSWORD} to ${MAX_PASSWORD} characters.`, 'input.password');
  }
  const displayName = checkDisplayName(input.displayName ?? username);
  const passwordHash = await passwords.hash(input.password);
  try {
    const [user] = await db.query<UserRow>(
      `insert into users (username, email, password_hash, display_name) values ($1, $2, $3, $4)
       returning ${USER_COLUMNS}`,
      [username, email, passwordHash, displayName],
    );
    if (!user) throw new Error('The user was not inserted');
    return user;
  } catch (error) {
    if (isUniqueViolation(error, 'users_username_key')) throw conflict('The username is taken.');
    if (isUniqueViolation(error, 'users_email_key')) throw conflict('There is an account with this email address.');
    throw error;
  }
}

/** The user with this name and password, or undefined after the same time whichever was wrong. */
export async function checkPassword(
  db: Database,
  passwords: Passwords,
  { username, password }: LoginInput,
): Promise<UserRow | undefined> {
  const name = username.trim().toLowerCase();
  const usable = name.length <= MAX_EMAIL && !name.includes('\0') && password.length <= MAX_PASSWORD;
  const [found] = usable
    ? await db.query<UserRow & { passwordHash: string }>(
        // A username has no @, an address always: no account can pose as another.
        `select ${USER_COLUMNS}, password_hash as "passwordHash" from users where username = $1 or email = $1`,
        [name],
      )
    : [];
  const matches = await passwords.verify(password.slice(0, MAX_PASSWORD), found?.passwordHash);
  if (!matches || !found) return undefined;
  const { passwordHash: _, ...user } = found;
  return user;
}

/** Changes what `input` names. Throws BAD_USER_INPUT; answers undefined when there is no such user. */
export async function updateProfile(
  db: Database,
  userId: string,
  input: UpdateProfileInput,
): Promise<UserRow | undefined> {
  if (!isUuid(userId)) return undefined;
  const changes = new Map<string, string | null>();
  if (input.displayName !== undefined) changes.set('display_name', checkDisplayName(input.displayName));
  if (input.bio !== undefined) changes.set('bio', checkBio(input.bio));
  if (input.avatarUrl !== undefined) changes.set('avatar_url', checkUrl(input.avatarUrl));
  const assignments = [...changes.keys()].map((column, index) => `${column} = $${index + 2}`);
  const [user] = await db.query<UserRow>(
    `update users set ${[...assignments, 'updated_at = now()'].join(', ')} where id = $1 returning ${USER_COLUMNS}`,
    [userId, ...changes.values()],
  );
  return user;
}

/** Replaces the roles. Throws BAD_USER_INPUT for an empty list; answers undefined when there is no such user. */
export async function setRoles(db: Database, userId: string, roles: readonly Role[]): Promise<UserRow | undefined> {
  if (roles.length === 0) throw badUserInput('A user has at least one role.', 'roles');
  if (!isUuid(userId)) return undefined;
  const [user] = await db.query<UserRow>(
    `update users set roles = $2, updated_at = now() where id = $1 returning ${USER_COLUMNS}`,
    [userId, [...new Set(roles)]],
  );
  return user;
}

function checkDisplayName(value: string | null): string {
  const name = value?.trim() ?? '';
  if (name === '' || [...name].length > MAX_DISPLAY_NAME || /\p{Cc}/u.test(name)) {
    throw badUserInput(`The display name must have 1 to ${MAX_DISPLAY_NAME} characters.`, 'input.displayName');
  }
  return name;
}

function checkBio(value: string | null): string | null {
  if (value !== null && ([...value].length > MAX_BIO || value.includes('\0'))) {
    throw badUserInput(`The bio must have at most ${MAX_BIO} characters.`, 'input.bio');
  }
  return value;
}

function checkUrl(value: string | null): string | null {
  if (value === null) return null;
  const url = value.length <= MAX_URL && URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.href.length > MAX_URL) {
    throw badUserInput(`The avatar must be an https URL of at most ${MAX_URL} characters.`, 'input.avatarUrl');
  }
  return url.href;
}
