/**
 * The section `authentication` of the configuration becomes what reads and checks credentials.
 * Out: an authenticator and a reader of credentials, or every problem with files that the section names. Clock: per start.
 */
import type { Config } from '../config';
import type { Log } from '../telemetry/log';
import { createApiKeyFileSource, problemOfApiKeyFile } from './api-key-file';
import { createApiKeyHttpSource } from './api-key-http';
import type { ApiKeySource } from './api-key-lookups';
import { type ApiKeyVerifier, createApiKeyVerifier } from './api-keys';
import { type Authenticator, createAuthenticator } from './authenticate';
import { type CredentialReader, createCredentialReader } from './credentials';
import { createFetchText, createPostJson } from './http-fetch';
import { configuredIssuerProblems, createIssuers } from './issuers';
import { type SubgraphIdentity, subgraphIdentityHeader } from './subgraph-identity';
import { createTokenVerifier } from './tokens';

export interface Authentication {
  readonly authenticator: Authenticator;
  readonly credentials: CredentialReader;
  /** Tells the store of API keys of the last uses. Never rejects. */
  close(): Promise<void>;
}

export interface AuthenticationDependencies {
  /** Signs the calls to a store of API keys. */
  readonly subgraphIdentity: SubgraphIdentity | undefined;
  readonly log: Log;
  readonly now: () => number;
}

/** Starts to fetch key sets; an issuer that is down does not hold the start up. */
export function createAuthentication(
  { required, issuers, sources, apiKeys }: Config['authentication'],
  dependencies: AuthenticationDependencies,
): Authentication {
  const { log, now } = dependencies;
  const tokens = createTokenVerifier({
    issuers: createIssuers(issuers, { fetchText: createFetchText(), now, log }),
    now,
  });
  void tokens.warm();
  const verifier = apiKeys && createConfiguredApiKeys(apiKeys, dependencies);
  return {
    authenticator: createAuthenticator({ tokens, apiKeys: verifier, required, now }),
    credentials: createCredentialReader({ ...sources, apiKeyHeader: apiKeys?.header }),
    close: async () => verifier?.close(),
  };
}

type ApiKeysConfig = NonNullable<Config['authentication']['apiKeys']>;

function createConfiguredApiKeys(
  { file, url, issuer, cacheMs, maxStaleMs }: ApiKeysConfig,
  dependencies: AuthenticationDependencies,
): ApiKeyVerifier {
  const { log, now } = dependencies;
  const sources = [
    ...(file === undefined ? [] : [createApiKeyFileSource(file, log)]),
    ...(url === undefined ? [] : [createServiceSource(url, dependencies)]),
  ];
  return createApiKeyVerifier({ sources, issuer, cacheMs, maxStaleMs, now, log });
}

function createServiceSource(url: string, { subgraphIdentity, log }: AuthenticationDependencies): ApiKeySource {
  if (subgraphIdentity === undefined) {
    log.warn({}, 'authentication.apiKeys.url is asked without proof of who asks: subgraphIdentity.secret is not set');
  }
  const headers = (): Readonly<Record<string, string>> =>
    subgraphIdentity === undefined ? {} : { [subgraphIdentityHeader]: subgraphIdentity.ownToken() };
  return createApiKeyHttpSource({ url, postJson: createPostJson(), headers });
}

/** What is wrong with the files that the configuration names, where its author wrote it. */
export function authenticationProblems(
  config: Config,
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  const file = config.authentication.apiKeys?.file;
  const message = file === undefined ? undefined : problemOfApiKeyFile(file);
  const ofKeys = message === undefined ? [] : [{ path: ['authentication', 'apiKeys', 'file'], message }];
  return [...configuredIssuerProblems(config), ...ofKeys];
}
