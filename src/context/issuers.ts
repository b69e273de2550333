/**
 * The issuers that are trusted: configuration, checked, becomes rules and a key set for each.
 * In: plain values from gateway.yaml. Out: issuers by their exact name, or all problems at once. Clock: once, at start.
 * It must never accept a weak or ambiguous configuration and hope for good tokens.
 */

import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Config } from '../config';
import type { Log } from '../telemetry/log';
import type { ClaimRules } from './claims';
import type { FetchText } from './http-fetch';
import { type Algorithm, algorithms } from './jwt';
import { createFixedKeySet, createReloadingKeySet, type KeySet, parseKeySet } from './key-set';
import { reasonOf } from './log-lines';
import { isSymmetric, keyFromPem, keyFromSecret, type UnusableKey, type VerificationKey } from './verification-key';

/** Where an issuer's keys come from. */
export type KeySource =
  | {
      readonly kind: 'jwksUrl';
      readonly url: string;
      /** How old a set may grow before it is read again, in milliseconds; at least 30 s. Default: 10 minutes. */
      readonly refreshMs?: number;
    }
  | { readonly kind: 'jwksFile'; readonly file: string; readonly refreshMs?: number }
  /** One or more public keys or certificates in PEM, one after the other: for a rotation both keys are listed. */
  | { readonly kind: 'publicKeyFile'; readonly file: string }
  /** The same as text; `keyId` where there is one key and it has a name. */
  | { readonly kind: 'pem'; readonly pem: string; readonly keyId?: string }
  | { readonly kind: 'sharedSecret'; readonly secret: string | Uint8Array };

/** One issuer, as `gateway.yaml` describes it. */
export interface IssuerOptions {
  /** `iss`, compared exactly. */
  readonly issuer: string;
  /** A token is for us if its `aud` names one of these. */
  readonly audiences: readonly string[];
  readonly keys: KeySource;
  /** Default: HS256 for a shared secret, RS256 and ES256 for public keys. */
  readonly algorithms?: readonly Algorithm[];
  /** How far clocks may be apart, in milliseconds; at most 60 s. Default: 5 s. */
  readonly clockToleranceMs?: number;
  /** A claim's name, or a path such as `identity.user_id`: what is unique within the issuer. Default: `sub`. */
  readonly subjectClaim?: string;
  /** A claim's name, or a path such as `realm_access.roles`. Default: `roles`. */
  readonly rolesClaim?: string;
  /** The same. Default: `scopes`, and where a token has none, `scope` (RFC 8693). */
  readonly scopesClaim?: string;
  /** A claim's name or path. Default: `tier`. */
  readonly tierClaim?: string;
}

export interface Issuer extends ClaimRules {
  readonly algorithms: readonly Algorithm[];
  readonly keySet: KeySet;
}

export interface IssuerProblem {
  /** Below the list of issuers: `[0, 'keys', 'pem']`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export interface IssuerDependencies {
  readonly fetchText: FetchText;
  readonly now: () => number;
  readonly log: Log;
}

const maximumClockToleranceMs = 60_000;
const defaultClockToleranceMs = 5_000;
const minimumRefreshMs = 30_000;
const defaultRefreshMs = 600_000;
const fetchBounds = { timeoutMs: 3_000, maxBytes: 256 * 1024 };

/** Everything that is wrong with these issuers, for a configuration that reports all its problems at once. Reads files. */
export function issuerProblems(issuers: readonly IssuerOptions[]): readonly IssuerProblem[] {
  const problems = issuers.flatMap((options, index) =>
    problemsOfIssuer(options).map(({ path, message }) => ({ path: [index, ...path], message })),
  );
  issuers.forEach(({ issuer }, index) => {
    if (issuers.findIndex((other) => other.issuer === issuer) !== index) {
      problems.push({ path: [index, 'issuer'], message: 'is listed before: an issuer has one key set' });
    }
  });
  return problems;
}

/** What is wrong with the issuers of a configuration, where its author wrote it: `authentication.issuers[0].jwksFile`. */
export function configuredIssuerProblems({ authentication: { issuers } }: Config): readonly IssuerProblem[] {
  return issuerProblems(issuers).map(({ path: [index = 0, key, ...rest], message }) => {
    const kind = issuers[Number(index)]?.keys.kind;
    const written = key === 'keys' && kind !== undefined ? [kind] : key === undefined ? [] : [key, ...rest];
    return { path: ['authentication', 'issuers', index, ...written], message };
  });
}

/** The issuers by name. Throws one `Error` that lists every problem. Opens no connection: `warm` does. */
export function createIssuers(
  issuers: readonly IssuerOptions[],
  dependencies: IssuerDependencies,
): ReadonlyMap<string, Issuer> {
  const problems = issuerProblems(issuers);
  if (problems.length > 0) {
    throw new Error(problems.map(({ path, message }) => `issuers.${path.join('.')}: ${message}`).join('\n'));
  }
  return new Map(issuers.map((options) => [options.issuer, createIssuer(options, dependencies)]));
}

function createIssuer(options: IssuerOptions, dependencies: IssuerDependencies): Issuer {
  const scopesClaim = options.scopesClaim ?? 'scopes';
  return {
    issuer: options.issuer,
    audiences: [...options.audiences],
    algorithms: algorithmsOf(options),
    clockToleranceMs: options.clockToleranceMs ?? defaultClockToleranceMs,
    subjectClaim: options.subjectClaim ?? 'sub',
    rolesClaim: options.rolesClaim ?? 'roles',
    scopesClaims: scopesClaim === 'scopes' ? ['scopes', 'scope'] : [scopesClaim],
    tierClaim: options.tierClaim ?? 'tier',
    keySet: createKeySet(options, dependencies),
  };
}

function createKeySet({ issuer, keys }: IssuerOptions, { fetchText, now, log }: IssuerDependencies): KeySet {
  switch (keys.kind) {
    case 'jwksUrl': {
      const load = () => fetchText(keys.url, fetchBounds);
      return createReloadingKeySet({ issuer, load, refreshMs: keys.refreshMs ?? defaultRefreshMs, now, log });
    }
    case 'jwksFile': {
      const initial = parseKeySet(readFileSync(keys.file, 'utf8')).keys;
      const load = () => readBounded(keys.file);
      return createReloadingKeySet({ issuer, load, refreshMs: keys.refreshMs ?? defaultRefreshMs, now, log, initial });
    }
    case 'publicKeyFile':
      return createFixedKeySet(usable(keysFromPem(readFileSync(keys.file, 'utf8'))));
    case 'pem':
      return createFixedKeySet(usable(keysFromPem(keys.pem, keys.keyId)));
    case 'sharedSecret':
      return createFixedKeySet(usable([keyFromSecret(keys.secret)]));
  }
}

function algorithmsOf({ algorithms: chosen, keys }: IssuerOptions): readonly Algorithm[] {
  return chosen ?? (keys.kind === 'sharedSecret' ? ['HS256'] : ['RS256', 'ES256']);
}

type Problem = { readonly path: readonly string[]; readonly message: string };

function problemsOfIssuer(options: IssuerOptions): Problem[] {
  const problems: Problem[] = [];
  const report = (path: readonly string[], message: string) => problems.push({ path, message });
  if (options.issuer.trim() === '') report(['issuer'], 'is empty');
  if (options.audiences.length === 0) report(['audiences'], 'is empty: a token must be for somebody');
  if (options.audiences.some((audience) => audience.trim() === '')) report(['audiences'], 'has an empty entry');
  const tolerance = options.clockToleranceMs ?? defaultClockToleranceMs;
  if (!(tolerance >= 0 && tolerance <= maximumClockToleranceMs)) {
    report(['clockToleranceMs'], `must be between 0 and ${maximumClockToleranceMs}`);
  }
  for (const name of ['subjectClaim', 'rolesClaim', 'scopesClaim', 'tierClaim'] as const) {
    if (options[name] === '') report([name], 'is empty');
  }
  problems.push(...problemsOfAlgorithms(options), ...problemsOfKeys(options));
  return problems;
}

function problemsOfAlgorithms(options: IssuerOptions): Problem[] {
  const problems: Problem[] = [];
  const chosen = algorithmsOf(options);
  if (chosen.length === 0) problems.push({ path: ['algorithms'], message: 'is empty' });
  for (const algorithm of chosen) {
    if (!algorithms.includes(algorithm)) {
      problems.push({ path: ['algorithms'], message: `${algorithm} is not one of ${algorithms.join(', ')}` });
    } else if (isSymmetric(algorithm) !== (options.keys.kind === 'sharedSecret')) {
      const kind = options.keys.kind === 'sharedSecret' ? 'a shared secret' : 'public keys';
      problems.push({ path: ['algorithms'], message: `${algorithm} cannot be used with ${kind}` });
    }
  }
  return problems;
}

function problemsOfKeys(options: IssuerOptions): Problem[] {
  const { keys } = options;
  const problem = (name: string, message: string) => ({ path: ['keys', name], message });
  switch (keys.kind) {
    case 'jwksUrl':
      return [
        ...(isHttpUrl(keys.url) ? [] : [problem('url', 'is not an http or https URL without credentials')]),
        ...problemsOfRefresh(keys.refreshMs),
      ];
    case 'jwksFile':
      return [...problemsOfJwksFile(keys.file), ...problemsOfRefresh(keys.refreshMs)];
    case 'publicKeyFile':
      return problemsOfReading('file', () => problemsOfPem('file', readFileSync(keys.file, 'utf8'), options));
    case 'pem':
      return problemsOfPem('pem', keys.pem, options, keys.keyId);
    case 'sharedSecret': {
      const key = keyFromSecret(keys.secret);
      return 'unusable' in key ? [problem('secret', `is ${key.unusable}`)] : [];
    }
  }
}

function problemsOfPem(name: string, pem: string, options: IssuerOptions, keyId?: string): Problem[] {
  const found = keysFromPem(pem, keyId);
  const messages = found.flatMap((key) => ('unusable' in key ? [`has ${key.unusable}`] : []));
  const allowed = algorithmsOf(options);
  if (usable(found).some((key) => !key.algorithms.some((algorithm) => allowed.includes(algorithm)))) {
    messages.push(`has a key that none of ${allowed.join(', ')} can use`);
  }
  if (keyId !== undefined && found.length > 1) messages.push('has several keys: one name cannot be that of all');
  return messages.map((message) => ({ path: ['keys', name], message }));
}

function problemsOfRefresh(refreshMs = defaultRefreshMs): Problem[] {
  if (refreshMs >= minimumRefreshMs) return [];
  return [{ path: ['keys', 'refreshMs'], message: `must be at least ${minimumRefreshMs}` }];
}

/** A file is the operator's own: unlike a key set from elsewhere, one weak key in it is a mistake to be mended now. */
function problemsOfJwksFile(file: string): Problem[] {
  return problemsOfReading('file', () => {
    const { keys, ignored } = parseKeySet(readFileSync(file, 'utf8'));
    const reported = keys.length === 0 ? ignored : ignored.filter((key) => key.weak === true);
    const messages = reported.map(({ index, unusable }) => `keys[${index}] is ${unusable}`);
    if (keys.length === 0) messages.push('has no key that can be used');
    return messages.map((message) => ({ path: ['keys', 'file'], message }));
  });
}

function problemsOfReading(name: string, read: () => Problem[]): Problem[] {
  try {
    return read();
  } catch (error) {
    return [{ path: ['keys', name], message: `cannot be read: ${reasonOf(error)}` }];
  }
}

function keysFromPem(pem: string, keyId?: string): readonly (VerificationKey | UnusableKey)[] {
  const blocks = pem.match(/-----BEGIN [A-Z ]+-----[\s\S]*?-----END [A-Z ]+-----/g);
  return (blocks ?? ['']).map((block) => keyFromPem(block, keyId));
}

function usable(keys: readonly (VerificationKey | UnusableKey)[]): readonly VerificationKey[] {
  return keys.filter((key): key is VerificationKey => !('unusable' in key));
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}

async function readBounded(path: string): Promise<string> {
  if ((await stat(path)).size > fetchBounds.maxBytes) throw new Error('The key set file is too large');
  return readFile(path, 'utf8');
}
