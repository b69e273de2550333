/**
 * The first users, the same on every machine: other subgraphs' seeds name them by id.
 * All passwords are `supergate-demo`.
 */
import type { Database } from '../shared/database';
import type { Role } from './generated/resolvers';
import type { Passwords } from './passwords';

export const SEED_PASSWORD = 'supergate-demo';

interface SeedUser {
  readonly username: string;
  readonly displayName: string;
  readonly bio: string;
  readonly roles: readonly Role[];
}

const user = (username: string, displayName: string, bio: string, ...more: Role[]): SeedUser => ({
  username,
  displayName,
  bio,
  roles: ['USER', ...more],
});

/** The first has the id ...0001, and so on. */
const users: readonly SeedUser[] = [
  user('ada', 'Ada Lovelace', 'Wrote the first program for a machine that was never built.', 'EDITOR', 'ADMIN'),
  user('grace', 'Grace Hopper', 'Taught computers English and found the first bug.', 'EDITOR'),
  user('linus', 'Linus Torvalds', 'Kernels, diving, and strong opinions about both.'),
  user('margaret', 'Margaret Hamilton', 'Wrote the software that landed on the Moon.'),
  user('alan', 'Alan Turing', 'Asked whether machines can think.'),
  user('barbara', 'Barbara Liskov', 'Substitutes subtypes wherever the base type is expected.'),
  user('dennis', 'Dennis Ritchie', 'C, and a small operating system you may have heard of.'),
  user('edsger', 'Edsger Dijkstra', 'Prefers the shortest path. Considers goto harmful.'),
  user('frances', 'Frances Allen', 'Made compilers optimise before anybody asked them to.'),
  user('katherine', 'Katherine Johnson', 'Checks the numbers of the computer by hand.'),
  user('radia', 'Radia Perlman', 'Thinks that she shall never see a graph more lovely than a tree.'),
  user('tim', 'Tim Berners-Lee', 'This is for everyone.'),
];

/** `seedUserId(1)` is ada: `00000000-0000-4000-8000-000000000001`. */
export function seedUserId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** Inserts the twelve users, with one hash for all: they share the password anyway. */
export async function seedUsers(db: Database, passwords: Passwords): Promise<void> {
  const passwordHash = await passwords.hash(SEED_PASSWORD);
  for (const [index, { username, displayName, bio, roles }] of users.entries()) {
    const createdAt = new Date(Date.UTC(2026, 0, 1 + index, 9));
    await db.query(
      `insert into users (id, username, email, password_hash, display_name, bio, avatar_url, roles, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
      [
        seedUserId(index + 1),
        username,
        `${username}@example.com`,
        passwordHash,
        displayName,
        bio,
        `https://avatars.example.com/${username}.png`,
        roles,
        createdAt,
      ],
    );
  }
}
