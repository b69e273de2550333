/**
 * Calls a subgraph as the gateway does: POST with an identity token.
 */
import { type Caller, IDENTITY_HEADER, identityKey, signIdentity } from '../../subgraphs/shared/identity';

export const TEST_SECRET = 'a-secret-for-tests-of-32-bytes-or-more';
export const testKey = identityKey(TEST_SECRET);
export const anonymous: Caller = { kind: 'anonymous' };

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers whose shape they state themselves
  readonly data: any;
  readonly errors: readonly { message: string; path?: unknown; extensions: Record<string, unknown> }[] | undefined;
}

/** A user as the gateway would vouch for them. */
export function user(id: string, ...roles: string[]): Caller {
  return { kind: 'user', id, roles: ['USER', ...roles], scopes: [] };
}

/** Sends one operation and answers status, data and errors. */
export async function call(
  url: string,
  caller: Caller,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer> {
  return await post(url, { [IDENTITY_HEADER]: signIdentity(caller, testKey) }, { query, variables });
}

/** Sends one operation with exactly these headers. */
export async function post(url: string, headers: Record<string, string>, body: unknown): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const { data, errors } = (await response.json()) as Answer;
  return { status: response.status, data, errors };
}

/** The codes of an answer's errors. */
export function codes({ errors }: Answer): unknown[] {
  return (errors ?? []).map(({ extensions }) => extensions.code);
}
