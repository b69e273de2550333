/**
 * Who is counted, as a part of a counter's key: an identity, an address, values of arguments. Clock: per request.
 * Everything is written as JSON, so that no text of a client can end early, or be taken for another's.
 */
import { createHash } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import type { CountedBy } from '../config/rate-limits';
import type { Identity } from '../context/request-context';

/** The part of a key that says who; undefined when the rule does not count this one. */
export function countedParty(by: CountedBy, identity: Identity, clientAddress: string): string | undefined {
  switch (by) {
    case 'global':
      return 'all';
    case 'ip':
      return addressParty(clientAddress);
    case 'apiKey':
      if (identity.kind === 'anonymous' || identity.credential.kind !== 'apiKey') return undefined;
      return `key ${JSON.stringify(identity.credential.id)}`;
    case 'identity':
      return identity.kind === 'anonymous' ? addressParty(clientAddress) : identityParty(identity);
  }
}

type Authenticated = Exclude<Identity, { kind: 'anonymous' }>;

function identityParty({ issuer, subject }: Authenticated): string {
  return `id ${JSON.stringify(issuer)},${JSON.stringify(subject)}`;
}

/** IPv4 whole; of IPv6 the 64 bits that a customer is given. What is no address counts together. */
export function addressParty(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address;
  if (isIPv4(plain)) return `ip ${plain}`;
  const [bare = ''] = plain.split('%');
  return isIPv6(bare) ? `ip ${networkOf(bare)}/64` : 'ip unknown';
}

/** The first four groups of an IPv6 address: `2001:db8::1` -> `2001:db8:0:0`. */
function networkOf(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const groupsOf = (text: string) => {
    const groups = text === '' ? [] : text.split(':');
    // An IPv4 address at the end stands for two groups; neither is one of the first four unless it is mapped.
    return groups.flatMap((group) => (group.includes('.') ? ['v4', 'v4'] : [group]));
  };
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  return groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':');
}

const longestValues = 200;

/** Values of arguments as one text: equal values give equal texts, whatever order the keys of an object came in. */
export function writeValues(values: readonly unknown[]): string {
  const text = `[${values.map(writeValue).join(',')}]`;
  return text.length <= longestValues ? text : createHash('sha256').update(text).digest('base64url');
}

function writeValue(value: unknown): string {
  if (value === undefined) return 'none';
  if (Array.isArray(value)) return `[${value.map(writeValue).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'none';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${writeValue(item)}`).join(',')}}`;
}
