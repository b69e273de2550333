/**
 * A credential becomes an identity, or the request ends here with UNAUTHENTICATED.
 * In: what a door read. Clock: per request.
 * A credential that is refused never becomes anonymous, and a client never learns why: the log does.
 */
import { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { ApiKeyVerdict, ApiKeyVerifier } from './api-keys';
import type { Credential } from './credentials';
import { createLineBudget, type LineBudget } from './log-lines';
import { anonymous, type Identity } from './request-context';
import type { TokenVerifier } from './tokens';

export interface AuthenticatorOptions {
  readonly tokens: TokenVerifier;
  /** Absent: every API key is refused. */
  readonly apiKeys?: ApiKeyVerifier | undefined;
  /** Whether a request without credentials is refused. */
  readonly required: boolean;
  readonly now: () => number;
}

/** For the log. */
export interface Asker {
  readonly log: Log;
  /** The client's address. */
  readonly ip?: string | undefined;
}

export interface Authenticator {
  /**
   * Rejects with a `ClientError` and with nothing else: UNAUTHENTICATED with the header `www-authenticate`, or
   * AUTHENTICATION_UNAVAILABLE where nobody can tell now whether an API key is good.
   * `mayBeMissing`: this step may go without credentials even where they are required, a later one looks again.
   */
  authenticate(credential: Credential, asker: Asker, mayBeMissing?: boolean): Promise<Identity>;
  /**
   * For a connection that lives longer than a request: the identity as it is now. Rejects like `authenticate` when its
   * token has expired, when its API key was revoked or has lost its secret.
   */
  renew(identity: Identity, asker: Asker): Promise<Identity>;
}

const challenge = 'Bearer realm="supergate"';
const refusedText = 'The credentials were refused.';
const missingText = 'Credentials are required.';

/** An authenticator over verified tokens and keys. All refusals are the same to the client, byte for byte. */
export function createAuthenticator({ tokens, apiKeys, required, now }: AuthenticatorOptions): Authenticator {
  const refuse = createRefuse(now);
  const acceptedKey = (verdict: ApiKeyVerdict, asker: Asker): Identity => {
    if (verdict.accepted) return verdict.identity;
    throw verdict.cause === 'unavailable' ? unavailable() : refuse('apiKey', verdict.cause, asker);
  };
  return {
    async authenticate(credential, asker, mayBeMissing = false) {
      switch (credential.kind) {
        case 'none':
          // Without credentials there is no error to name (RFC 6750 section 3.1).
          if (required && !mayBeMissing) throw unauthenticated(missingText, challenge);
          return anonymous;
        case 'unreadable':
          throw refuse(credential.kind, credential.cause, asker);
        case 'bearer': {
          const pending = tokens.verify(credential.token);
          const verdict = pending instanceof Promise ? await pending : pending;
          if (!verdict.accepted) throw refuse(credential.kind, verdict.cause, asker);
          return verdict.identity;
        }
        case 'apiKey': {
          const verdict = await (apiKeys?.verify(credential.key) ?? notConfigured);
          return acceptedKey(verdict, asker);
        }
      }
    },
    async renew(identity, asker) {
      if (identity.kind === 'anonymous') return identity;
      if (identity.credential.kind === 'apiKey') {
        return acceptedKey(await (apiKeys?.renew(identity) ?? notConfigured), asker);
      }
      if (now() >= identity.expiresAt) throw refuse('bearer', 'expired', asker);
      return identity;
    },
  };
}

type Refuse = (credential: Credential['kind'], cause: string, asker: Asker) => ClientError;

/** Makes the refusals, and the line in the log that tells their cause. */
function createRefuse(now: () => number): Refuse {
  // One for each cause, of which there are few: a flood of nonsense must not hide that somebody guesses keys.
  const budgets = new Map<string, LineBudget>();
  return (credential, cause, { log, ip }) => {
    const budget = budgets.get(cause) ?? createLineBudget(now);
    budgets.set(cause, budget);
    const suppressed = budget.admit();
    if (suppressed !== undefined) {
      const fields = { cause, credential, ip, ...(suppressed > 0 && { suppressed }) };
      log.info(fields, 'A credential was refused');
    }
    return unauthenticated(refusedText, `${challenge}, error="invalid_token"`);
  };
}

const notConfigured = { accepted: false, cause: 'unknown key' } as const;

/** 401 with the challenge of RFC 6750 section 3. */
function unauthenticated(message: string, wwwAuthenticate: string): ClientError {
  return new ClientError('UNAUTHENTICATED', message, { headers: { 'www-authenticate': wwwAuthenticate } });
}

/** Not 401: a client would throw a good key away. */
function unavailable(): ClientError {
  return new ClientError('AUTHENTICATION_UNAVAILABLE', 'The credentials cannot be checked at the moment.', {
    headers: { 'retry-after': '5' },
  });
}
