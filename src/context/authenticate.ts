/**
 * A credential becomes an identity, or the request ends here with UNAUTHENTICATED.
 * In: what a door read (header today; cookie, connection_init, API key later). Clock: per request.
 * A credential that is refused never becomes anonymous, and a client never learns why: the log does.
 */
import { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { Credential } from './bearer';
import { anonymous, type Identity } from './request-context';
import type { TokenVerifier } from './tokens';

export interface AuthenticatorOptions {
  readonly tokens: TokenVerifier;
  /** Whether a request without credentials is refused. */
  readonly required: boolean;
}

export interface Authenticator {
  /** Rejects with a `ClientError` (UNAUTHENTICATED, with the header `www-authenticate`), and with nothing else. */
  authenticate(credential: Credential, log: Log): Promise<Identity>;
}

const challenge = 'Bearer realm="supergate"';
const refusedText = 'The credentials were refused.';
const missingText = 'Credentials are required.';

/** An authenticator over verified tokens. All refusals of one kind are the same to the client, byte for byte. */
export function createAuthenticator({ tokens, required }: AuthenticatorOptions): Authenticator {
  return {
    async authenticate(credential, log) {
      switch (credential.kind) {
        case 'none':
          // Without credentials there is no error to name (RFC 6750 section 3.1).
          if (required) throw unauthenticated(missingText, challenge);
          return anonymous;
        case 'unreadable':
          throw refused(credential.cause, log);
        case 'bearer': {
          const pending = tokens.verify(credential.token);
          const verdict = pending instanceof Promise ? await pending : pending;
          if (!verdict.accepted) throw refused(verdict.cause, log);
          return verdict.identity;
        }
      }
    },
  };
}

function refused(cause: string, log: Log): ClientError {
  log.info({ cause }, 'A credential was refused');
  return unauthenticated(refusedText, `${challenge}, error="invalid_token"`);
}

/** 401 with the challenge of RFC 6750 section 3. */
function unauthenticated(message: string, wwwAuthenticate: string): ClientError {
  return new ClientError('UNAUTHENTICATED', message, { headers: { 'www-authenticate': wwwAuthenticate } });
}
