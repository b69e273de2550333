/**
 * Real keys, hand-made tokens and a key set server made of a variable, for the tests of `src/context/`.
 * Tokens are put together by hand: a library would refuse to make most of them.
 */
import {
  constants,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto';
import type { FetchText } from '../../src/context/http-fetch';
import { createIssuers, type IssuerOptions } from '../../src/context/issuers';
import { createTokenVerifier, type TokenVerifier } from '../../src/context/tokens';
import type { Log } from '../../src/telemetry/log';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const ec = (curve = 'P-256'): KeyPair => generateKeyPairSync('ec', { namedCurve: curve });
export const rsa = (bits = 2048, publicExponent = 65537): KeyPair =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent });

/** 2026-11-21T12:00:00Z, in seconds and milliseconds. */
export const nowS = 1_795_262_400;
export const nowMs = nowS * 1000;

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Signs as `algorithm` says, whatever the header says. */
export function signature(input: string, algorithm: string, key: KeyObject | string | Buffer): string {
  const hash = `sha${algorithm.slice(2, 5)}`;
  const data = Buffer.from(input);
  if (algorithm.startsWith('HS')) return createHmac(hash, key).update(data).digest('base64url');
  const privateKey = typeof key === 'string' || Buffer.isBuffer(key) ? createPrivateKey(key) : key;
  if (algorithm.startsWith('PS')) {
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return sign(hash, data, { key: privateKey, padding, saltLength }).toString('base64url');
  }
  if (algorithm.startsWith('ES')) {
    return sign(hash, data, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  }
  if (algorithm.startsWith('Ed')) return sign(null, data, privateKey).toString('base64url');
  return sign(hash, data, privateKey).toString('base64url');
}

/** A token with any header and payload (text is taken as it is), signed as `algorithm` says. */
export function forge(header: unknown, payload: unknown, algorithm: string, key: KeyObject | string | Buffer): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signature(input, algorithm, key)}`;
}

export function jwkOf(key: KeyObject, more: Record<string, unknown> = {}): JsonWebKey & Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }), ...more };
}

/** Claims that every check accepts; `undefined` removes one. */
export function claimsOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: 'https://issuer.test',
    aud: 'supergate',
    sub: 'user-1',
    iat: nowS - 10,
    exp: nowS + 600,
    roles: ['USER'],
    scopes: ['read'],
    ...changes,
  };
}

export interface Clock {
  ms: number;
  readonly now: () => number;
}

export function createClock(): Clock {
  const clock = { ms: nowMs, now: () => clock.ms };
  return clock;
}

/** A key set URL: answers with what `answer` gives at that moment, and counts. */
export interface FakeJwks {
  answer: () => string | Promise<string>;
  fetches: number;
  readonly fetchText: FetchText;
}

export function createFakeJwks(keys: readonly unknown[] = []): FakeJwks {
  const jwks: FakeJwks = {
    answer: () => JSON.stringify({ keys }),
    fetches: 0,
    fetchText: async () => {
      jwks.fetches += 1;
      return jwks.answer();
    },
  };
  return jwks;
}

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export function createRecordingLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ level, fields, message });
  };
  return { lines, error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
}

/** A verifier over these issuers, on a clock and a key set server of the test's own. */
export function createTestVerifier(
  issuers: readonly IssuerOptions[],
  { clock = createClock(), jwks = createFakeJwks(), log = createRecordingLog(), maxCachedTokens = 100 } = {},
): TokenVerifier {
  const dependencies = { fetchText: jwks.fetchText, now: clock.now, log };
  return createTokenVerifier({ issuers: createIssuers(issuers, dependencies), now: clock.now, maxCachedTokens });
}

/** A promise that is settled from outside. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
