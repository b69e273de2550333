/** Whose address counts: plain data in and out. */
import { createClientAddress } from '../../src/client/client-address';

const of = (trusted: readonly string[], connection: string, forwarded?: string) =>
  createClientAddress(trusted)(
    { headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } },
    connection,
  );

describe('the address of a client', () => {
  it('is the connection’s, whatever a header says, where no proxy is trusted', () => {
    expect(of([], '192.0.2.1', '203.0.113.9')).toBe('192.0.2.1');
  });

  it('is the connection’s when that is no trusted proxy', () => {
    expect(of(['10.0.0.0/8'], '192.0.2.1', '203.0.113.9')).toBe('192.0.2.1');
  });

  it('is what the nearest untrusted hop is called by the proxies before it', () => {
    const trusted = ['10.0.0.0/8', '2001:db8:ffff::/48'];
    expect(of(trusted, '10.0.0.1', '203.0.113.9')).toBe('203.0.113.9');
    expect(of(trusted, '10.0.0.1', '1.1.1.1, 203.0.113.9, 10.9.9.9')).toBe('203.0.113.9');
    expect(of(trusted, '2001:db8:ffff::1', '2001:db8::7')).toBe('2001:db8::7');
    expect(of(trusted, '10.0.0.1', '203.0.113.9:4711')).toBe('203.0.113.9');
    expect(of(trusted, '10.0.0.1', '[2001:db8::7]:4711')).toBe('2001:db8::7');
  });

  it.each([
    '198.51.100.1',
    '198.51.100.1, 10.0.0.7',
    '10.0.0.7',
    '127.0.0.1, ::1',
    'unknown',
    '"198.51.100.1", [::1]:80',
    ' , ,, ',
    Array(18).fill('10.0.0.9').join(),
  ])('is what the balancer saw, whatever the client wrote before: %s', (spoofed) => {
    // Node joins several headers of this name as one list.
    expect(of(['10.0.0.0/8'], '10.0.0.1', `${spoofed}, 203.0.113.9`)).toBe('203.0.113.9');
    expect(of(['10.0.0.0/8'], '10.0.0.1', `${spoofed}, 203.0.113.9, 10.0.0.2`)).toBe('203.0.113.9');
  });

  it('knows a trusted proxy that comes as an IPv4 address in IPv6', () => {
    expect(of(['10.0.0.0/8'], '::ffff:10.0.0.1', '203.0.113.9')).toBe('203.0.113.9');
  });

  it('is the last one that is known where the header is no list of addresses', () => {
    const trusted = ['10.0.0.0/8'];
    expect(of(trusted, '10.0.0.1')).toBe('10.0.0.1');
    expect(of(trusted, '10.0.0.1', '')).toBe('10.0.0.1');
    expect(of(trusted, '10.0.0.1', 'unknown, 10.0.0.2')).toBe('10.0.0.2');
    expect(of(trusted, '10.0.0.1', '203.0.113.9, _hidden')).toBe('10.0.0.1');
    expect(of(trusted, '10.0.0.1', Array(500).fill('203.0.113.9').join())).toBe('10.0.0.1');
  });

  it('is the farthest proxy’s where all of them are trusted', () => {
    expect(of(['10.0.0.0/8'], '10.0.0.1', '10.0.0.3, 10.0.0.2')).toBe('10.0.0.3');
  });
});
