/**
 * Who speaks on a connection that carries many operations (WebSocket).
 * In: the headers of the upgrade, the payloads of `connection_init` and `ping`, the `extensions` of an operation.
 * Out: an identity, for `RequestContexts.open`, or a `ClientError`: the door closes with the code of its error.
 * Clock: per connection, per operation. A connection never changes hands: who it belongs to is settled once.
 */
import { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { Authenticator } from './authenticate';
import type { CredentialReader } from './credentials';
import type { Identity } from './request-context';

export interface ConnectionRequest {
  readonly log: Log;
  readonly ip?: string | undefined;
}

export interface ConnectionIdentities {
  /**
   * Who connects. Credentials come in `rawHeaders` of the upgrade (Authorization, cookie, API key) or in the payload of
   * `connection_init`, in one of them alone. The door has checked `Origin` before: browsers send cookies to anybody.
   */
  connect(
    given: ConnectionRequest & { readonly rawHeaders: readonly string[]; readonly payload: unknown },
  ): Promise<Identity>;
  /**
   * Who asks one operation: whom the connection belongs to, or, on an anonymous connection, whom `extensions` name.
   * Refused when the connection's credential has expired or was revoked, and when both name somebody.
   */
  operate(connection: Identity, given: ConnectionRequest & { readonly extensions: unknown }): Promise<Identity>;
  /**
   * The identity after a `ping`: another token of the same subject takes the place of the first; without credentials
   * nothing changes. Operations that run keep the identity that they began with.
   */
  refresh(connection: Identity, given: ConnectionRequest & { readonly payload: unknown }): Promise<Identity>;
  /**
   * Whether what runs may go on: a door asks from time to time, besides at `identity.expiresAt`. Resolves to the identity
   * as it is now, rejects when the token has expired or the API key was revoked. Microseconds, as a rule.
   */
  renew(connection: Identity, given: ConnectionRequest): Promise<Identity>;
}

export interface ConnectionIdentityOptions {
  readonly authenticator: Authenticator;
  readonly credentials: CredentialReader;
}

/** The three moments at which a connection shows who it is. All reject with a `ClientError` alone. */
export function createConnectionIdentities(options: ConnectionIdentityOptions): ConnectionIdentities {
  const { authenticator, credentials } = options;
  return {
    connect({ rawHeaders, payload, ...asker }) {
      const credential = credentials.ofConnection(rawHeaders, payload);
      return authenticator.authenticate(credential, asker, credentials.perOperation);
    },
    async operate(connection, { extensions, ...asker }) {
      const credential = credentials.ofOperation(extensions);
      if (connection.kind === 'anonymous') return authenticator.authenticate(credential, asker);
      if (credential.kind !== 'none') throw refused('The connection is authenticated already.');
      return authenticator.renew(connection, asker);
    },
    renew: (connection, asker) => authenticator.renew(connection, asker),
    async refresh(connection, { payload, ...asker }) {
      const credential = credentials.ofPayload(payload);
      if (credential.kind === 'none') return connection;
      const next = await authenticator.authenticate(credential, asker);
      if (!isSameSubject(connection, next)) throw refused('A connection cannot change to another subject.');
      return next;
    },
  };
}

function isSameSubject(one: Identity, other: Identity): boolean {
  if (one.kind === 'anonymous' || other.kind === 'anonymous') return false;
  return one.subject === other.subject && one.issuer === other.issuer && one.credential.kind === other.credential.kind;
}

function refused(message: string): ClientError {
  return new ClientError('UNAUTHENTICATED', message);
}
