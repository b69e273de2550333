/**
 * A token for development, as the local issuer (the users subgraph) would sign it: `supergate token --sub ID`.
 * In: the words of the command line and a directory of PKCS#8 keys, `<kid>.pem`. Out: a token, or what is wrong.
 * Clock: per call of the CLI. It must never overwrite a key, nor leave one that others can read.
 */

import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { readNames, readSeconds } from '../config/command-line';
import { signToken } from './jwt';
import { reasonOf } from './log-lines';

/** The words of the command line, unchecked. */
export interface DevTokenOptions {
  readonly sub: string;
  /** `ADMIN,USER` */
  readonly roles?: string;
  readonly scopes?: string;
  /** `30s`, `15m`, `2h`; at most 24 h. Default: `15m`. */
  readonly expires?: string;
  /** Default: `.data/keys`. Created with one ES256 key when it is missing or empty. */
  readonly keysDirectory?: string;
  /** Default: `https://users.supergate.local`. */
  readonly issuer?: string;
  /** Default: `supergate`. */
  readonly audience?: string;
  readonly now?: () => number;
}

export type DevToken =
  | { readonly issued: true; readonly token: string; readonly keyId: string; readonly expiresAt: Date }
  | { readonly issued: false; readonly problem: string };

export const devTokenDefaults = {
  expires: '15m',
  keysDirectory: '.data/keys',
  issuer: 'https://users.supergate.local',
  audience: 'supergate',
} as const;

const maximumLifetimeS = 24 * 60 * 60;
const printable = /^[^\p{C}\p{Zl}\p{Zp}]{1,255}$/u;
const keyFile = /^[A-Za-z0-9][A-Za-z0-9._-]*\.pem$/;

/** Signs a development token with the newest key (the last by name whose moment has come). Never throws for what a user typed or has on disk. */
export function createDevToken(options: DevTokenOptions): DevToken {
  const { sub, issuer = devTokenDefaults.issuer, audience = devTokenDefaults.audience, now = Date.now } = options;
  if (!printable.test(sub) || sub.trim() !== sub) {
    return problem('--sub must be 1 to 255 printable characters, without space around them');
  }
  const lifetimeS = readSeconds(options.expires ?? devTokenDefaults.expires);
  if (lifetimeS === undefined || lifetimeS > maximumLifetimeS)
    return problem('--expires must be like 30s, 15m or 2h, at least 1s and at most 24h');
  const roles = readNames(options.roles);
  if (roles === undefined) return problem('--roles must be names separated by commas, such as ADMIN,USER');
  const scopes = readNames(options.scopes);
  if (scopes === undefined) return problem('--scopes must be names separated by commas, such as read:user,write:post');

  const key = newestKey(resolve(options.keysDirectory ?? devTokenDefaults.keysDirectory), now());
  if ('problem' in key) return problem(key.problem);
  const iat = Math.floor(now() / 1000);
  const exp = iat + lifetimeS;
  const claims = { sub, roles, scopes, iss: issuer, aud: audience, iat, exp, jti: randomUUID() };
  const token = signToken(claims, key.key, { algorithm: 'ES256', keyId: key.keyId });
  return { issued: true, token, keyId: key.keyId, expiresAt: new Date(exp * 1000) };
}

function problem(text: string): DevToken {
  return { issued: false, problem: text };
}

type SigningKey = { readonly keyId: string; readonly key: KeyObject } | { readonly problem: string };

function newestKey(directory: string, nowMs: number): SigningKey {
  try {
    if (keyFilesOf(directory).length === 0) createKeyDirectory(directory, nowMs);
    const files = keyFilesOf(directory);
    // A key with a moment to come is published before it signs, so that nobody meets a token before its key.
    const newest = files.findLast((name) => momentOf(name) <= nowMs) ?? files[0];
    if (newest === undefined) return { problem: `${directory} holds no key named <kid>.pem` };
    const key = createPrivateKey(readFileSync(join(directory, newest)));
    const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    if (!isP256) return { problem: `${join(directory, newest)} is not an ES256 (P-256) private key` };
    return { keyId: newest.slice(0, -'.pem'.length), key };
  } catch (error) {
    return { problem: `The keys in ${directory} cannot be used: ${reasonOf(error)}` };
  }
}

/** Names begin with the moment of creation: sorted by code unit, the last is the newest. */
function keyFilesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => keyFile.test(name))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The moment in `k20261121T021000Z-1f0c.pem`, in milliseconds; a key of another name has always begun. */
function momentOf(name: string): number {
  const parts = /^k(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(name)?.slice(1).map(Number) ?? [];
  const [year, month = 1, ...rest] = parts;
  return year === undefined ? 0 : Date.UTC(year, month - 1, ...rest);
}

/**
 * Makes the directory elsewhere and moves it here whole: a process that starts at the same time sees no directory or a
 * complete one, and of two that create it one wins and both use its key.
 */
function createKeyDirectory(directory: string, nowMs: number): void {
  mkdirSync(dirname(directory), { recursive: true });
  const draft = mkdtempSync(`${directory}.new-`);
  try {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
    writeFileSync(join(draft, `${newKeyId(nowMs)}.pem`), pem, { mode: 0o600, flag: 'wx' });
    renameSync(draft, directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another process was first, or the directory holds other files: the caller looks again.
    if (!isOccupied(error)) throw error;
  }
}

/** `k20261121T021000Z-1f0c` */
function newKeyId(nowMs: number): string {
  const moment = new Date(nowMs).toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '');
  return `k${moment}-${randomBytes(2).toString('hex')}`;
}

function isMissing(error: unknown): boolean {
  return isNativeError(error) && 'code' in error && error.code === 'ENOENT';
}

function isOccupied(error: unknown): boolean {
  return isNativeError(error) && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
}
