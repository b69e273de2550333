/**
 * Whose request it is, by address: the connection's, or what trusted proxies say in `X-Forwarded-For`.
 * Clock: per start (ranges), per request. A header of anybody else is never believed.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** The address of a request's client; empty when its connection is gone. */
export type ClientAddress = (request: Pick<IncomingMessage, 'headers'>, connectionAddress: string) => string;

/** More hops than this are no honest request's. */
const maxHops = 20;

/** `trusted`: addresses and CIDR ranges of proxies, each of which appends the address that it was called from. */
export function createClientAddress(trusted: readonly string[]): ClientAddress {
  if (trusted.length === 0) return (_request, connectionAddress) => connectionAddress;
  const proxies = new BlockList();
  for (const range of trusted) {
    const [address = '', prefix] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) proxies.addAddress(address, family);
    else proxies.addSubnet(address, Number(prefix), family);
  }
  const isProxy = (address: string) => proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return ({ headers }, connectionAddress) => {
    const header = headers['x-forwarded-for'];
    if (header === undefined || !isProxy(connectionAddress)) return connectionAddress;
    const hops = String(header).split(',', maxHops + 1).length > maxHops ? [] : String(header).split(',');
    let client = connectionAddress;
    // From the nearest: the first one that is no proxy of ours was seen by one that is.
    for (const hop of hops.reverse()) {
      const address = addressOf(hop.trim());
      if (address === undefined) return client;
      client = address;
      if (!isProxy(address)) return client;
    }
    return client;
  };
}

/** Some proxies write the port too: `1.2.3.4:5678`, `[2001:db8::1]:5678`. */
function addressOf(hop: string): string | undefined {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
  return isIP(bare) === 0 ? undefined : bare;
}
