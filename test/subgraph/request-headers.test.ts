import { createConfig } from '../../src/config';
import type { OperationKind } from '../../src/config/headers';
import { compileRequestHeaders } from '../../src/subgraph/request-headers';

const own = ['x-request-id', 'supergate-identity'];

function write(
  requests: object[],
  sources: Record<string, string>,
  { subgraph = 'users', kind = 'query' as OperationKind, all = false, skipsTrace = false } = {},
) {
  const { rules } = { rules: createConfig({ headers: { requests: requests as never } }).headers.requests };
  const options = { rules, own: all ? ('all' as const) : own, reserved: ['x-deadline-ms'] };
  const list: string[] = [];
  compileRequestHeaders(options, subgraph, kind)({ 'x-request-id': 'r1', ...sources }, list, skipsTrace);
  const pairs = list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]]] : []));
  expect(new Set(pairs.map(([name]) => name)).size).toBe(pairs.length);
  return Object.fromEntries(pairs.filter(([name]) => name !== 'x-request-id'));
}

describe('the headers of a request to a subgraph', () => {
  it('are those that rules send, and the own ones', () => {
    expect(write([], { 'x-tenant': 'a', 'supergate-identity': 'token' })).toEqual({ 'supergate-identity': 'token' });
    expect(write([{ propagate: ['x-tenant'] }], { 'x-tenant': 'a' })).toEqual({ 'x-tenant': 'a' });
    expect(write([{ propagate: ['x-*'] }], { 'x-tenant': 'a', y: 'b', ':claim.x': 'c' })).toEqual({ 'x-tenant': 'a' });
  });

  it('are renamed, set and given defaults', () => {
    const rules = [
      { propagate: ['authorization'], as: 'x-client' },
      { propagate: ['x-tenant'], default: 'public' },
      { set: 'x-region', value: 'eu-1' },
      { set: 'x-plan', claim: 'plan', default: 'free' },
      { set: 'x-address', context: 'clientAddress' },
    ];
    expect(write(rules, {})).toEqual({ 'x-tenant': 'public', 'x-region': 'eu-1', 'x-plan': 'free' });
    const sources = {
      authorization: 'b',
      'x-tenant': 'a',
      ':claim.plan': 'gold',
      ':context.clientAddress': '10.0.0.1',
    };
    expect(write(rules, sources)).toEqual({
      'x-client': 'b',
      'x-tenant': 'a',
      'x-region': 'eu-1',
      'x-plan': 'gold',
      'x-address': '10.0.0.1',
    });
  });

  it('follow the order of the rules: a later one has the last word', () => {
    const sources = { 'x-tenant': 'client', 'x-debug': '1' };
    expect(
      write([{ propagate: ['x-*'] }, { set: 'x-tenant', value: 'ours' }, { remove: ['x-debug'] }], sources),
    ).toEqual({
      'x-tenant': 'ours',
    });
    expect(write([{ remove: ['x-*'] }, { propagate: ['x-debug'] }], sources)).toEqual({ 'x-debug': '1' });
  });

  it('differ by subgraph and by kind of operation', () => {
    const rules = [
      { propagate: ['x-a'], subgraphs: ['carts'] },
      { propagate: ['x-b'], operations: ['mutation'] },
      { set: 'x-c', value: 'c', subgraphs: ['users'], operations: ['subscription'] },
    ];
    const sources = { 'x-a': 'a', 'x-b': 'b' };
    expect(write(rules, sources)).toEqual({});
    expect(write(rules, sources, { subgraph: 'carts' })).toEqual({ 'x-a': 'a' });
    expect(write(rules, sources, { kind: 'mutation' })).toEqual({ 'x-b': 'b' });
    expect(write(rules, sources, { kind: 'subscription' })).toEqual({ 'x-c': 'c' });
  });

  it('never touch what the gateway itself says', () => {
    const rules = [
      { propagate: ['*'] },
      { set: 'x-deadline-ms', value: '1' },
      { remove: ['supergate-*', '*'] },
      { propagate: ['x-deadline-ms', 'x-tenant'] },
    ];
    const sources = { 'supergate-identity': 'token', 'x-deadline-ms': '9', 'x-tenant': 'a', host: 'b' };
    expect(write(rules, sources)).toEqual({ 'supergate-identity': 'token', 'x-tenant': 'a' });
  });

  it('leave the trace to the gateway where it traces', () => {
    const sources = { traceparent: 'client', 'x-a': 'a' };
    expect(write([{ propagate: ['*'] }], sources, { skipsTrace: true })).toEqual({ 'x-a': 'a' });
    expect(write([{ propagate: ['*'] }], sources)).toEqual({ traceparent: 'client', 'x-a': 'a' });
  });

  it('are all that a host gives, before the rules, where it has none of its own', () => {
    const sources = { 'x-a': 'a', connection: 'close', 'x-deadline-ms': '9', ':claim.plan': 'gold' };
    expect(write([], sources, { all: true })).toEqual({ 'x-a': 'a' });
    expect(write([{ remove: ['x-a'] }, { set: 'x-plan', claim: 'plan' }], sources, { all: true })).toEqual({
      'x-plan': 'gold',
    });
  });
});
