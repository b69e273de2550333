/** Shared by the suites of `src/subgraph/`: request contexts, and a transport to one subgraph called `users`. */
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type Deadline, type RequestContext } from '../../src/context/request-context';
import type { ErrorCode, SubgraphError } from '../../src/errors';
import { systemClock } from '../../src/subgraph/call';
import { EventSources } from '../../src/subgraph/event-sources';
import { createSubgraphTransport, type SubgraphTransport } from '../../src/subgraph/pools';
import type { TransportDependencies } from '../../src/subgraph/subgraph';
import { defaultTransportOptions, type SubgraphTransportOptions } from '../../src/subgraph/transport-options';
import { type Log, silentLog } from '../../src/telemetry/log';

export interface TestContext extends RequestContext {
  /** The client leaves. */
  leave(): void;
  /** The deadline comes. */
  timeOut(): void;
}

/** A context whose deadline comes only by `timeOut`, unless it is given one. */
export function testContext(
  more: { headers?: Record<string, string>; deadline?: Deadline; log?: Log } = {},
): TestContext {
  let fire = () => {};
  const open = openDeadline(Date.now() + 60_000, Date.now, (_delayMs, end) => {
    fire = end;
    return () => {};
  });
  return {
    id: 'request-1',
    identity: anonymous,
    deadline: more.deadline ?? open.deadline,
    log: more.log ?? silentLog,
    subgraphHeaders: more.headers ?? {},
    calls: { count: 0, failed: 0 },
    leave: open.clientLeft,
    timeOut: () => fire(),
  };
}

/** What opens subscriptions, with the time and chance of this process. */
export function testEventSources(): EventSources {
  return new EventSources({ clock: systemClock, random: Math.random, log: silentLog });
}

export function testTransport(
  url: string,
  options: Partial<SubgraphTransportOptions> = {},
  dependencies: Partial<TransportDependencies> = {},
): SubgraphTransport {
  return createSubgraphTransport(
    [{ name: 'users', url }],
    { ...defaultTransportOptions, timeoutMs: 5_000, ...options },
    { log: silentLog, eventSources: testEventSources(), ...dependencies },
  );
}

/** What a promise of a call was rejected with; fails when it was not. */
export async function failure(call: Promise<unknown>): Promise<SubgraphError> {
  return call.then(
    (value) => {
      throw new Error(`It was answered: ${JSON.stringify(value)}`);
    },
    (error: SubgraphError) => error,
  );
}

export async function failureCode(call: Promise<unknown>): Promise<ErrorCode> {
  return (await failure(call)).code;
}
