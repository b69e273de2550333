/**
 * Active probes: one instance is asked again and again whether it is well, over a connection of its own, so that a full
 * queue of calls does not look like illness. In: how to ask. Out: yes or no, told each time. Clock: in the background.
 */
import type { CallClock } from './call';
import { Connections, type ConnectionsOptions, type ResponseSink } from './connections';
import { createHttpExchange, type ExchangeOutcome } from './http';
import { readResponse } from './response';
import type { ProbeSettings } from './transport-options';

export interface ProbeOptions {
  readonly subgraph: string;
  readonly url: URL;
  readonly settings: ProbeSettings;
  readonly connections: Omit<ConnectionsOptions, 'maxConnections' | 'maxWaiting'>;
  /** The gateway's own identity. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly clock: CallClock;
  readonly random: () => number;
  /** Told how each probe went; may not throw. */
  readonly onProbed: (isGood: boolean) => void;
}

export const probeBody = '{"query":"{ __typename }"}';
const maxAnswerBytes = 65_536;

/** Begins after a part of the interval by chance; returns what ends it. */
export function startProbing(options: ProbeOptions): () => void {
  const { url, settings, clock, random, onProbed } = options;
  const connections = new Connections(url.origin, { ...options.connections, maxConnections: 1 });
  const ask = settings.kind === 'graphql' ? askGraphQL(options, connections) : askPath(options, connections);
  let isStopped = false;
  let stopTimer = () => {};
  const tick = () => {
    let isOver = false;
    const finish = (isGood: boolean) => {
      if (isOver || isStopped) return;
      isOver = true;
      stopTimer();
      stopTimer = clock.schedule(tick, settings.intervalMs * (0.75 + 0.5 * random()));
      onProbed(isGood);
    };
    const cancel = ask(finish);
    if (isOver) return;
    stopTimer = clock.schedule(() => {
      cancel();
      finish(false);
    }, settings.timeoutMs);
  };
  stopTimer = clock.schedule(tick, settings.intervalMs * random());
  return () => {
    isStopped = true;
    stopTimer();
    void connections.destroy();
  };
}

/** Asks once; returns what cancels it. */
type Ask = (finish: (isGood: boolean) => void) => () => void;

function askGraphQL({ subgraph, url, headers, clock }: ProbeOptions, connections: Connections): Ask {
  const path = url.pathname + url.search;
  const start = createHttpExchange({ name: subgraph, path, connections, maxResponseBytes: maxAnswerBytes, clock });
  return (finish) => {
    const exchange = { subgraph, body: probeBody, kind: 'query' as const, headers: Object.entries(headers()).flat() };
    const started = start(exchange, (outcome) => finish(isGraphQL(subgraph, outcome)));
    return () => started.cancel();
  };
}

function askPath({ settings: { path }, headers }: ProbeOptions, connections: Connections): Ask {
  return (finish) => {
    const request = { path, method: 'GET' as const, headers: Object.entries(headers()).flat(), body: '' };
    return connections.send({ ...request, kind: 'query' }, new StatusSink(finish));
  };
}

/** Of an answer, only its status counts; more of it than it takes to be well is not read. */
class StatusSink implements ResponseSink {
  #isGood = false;
  #bytes = 0;

  constructor(private readonly finish: (isGood: boolean) => void) {}

  onHeaders(status: number): void {
    this.#isGood = status >= 200 && status < 300;
  }

  onData(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > maxAnswerBytes) this.finish(false);
  }

  onEnd(): void {
    this.finish(this.#isGood);
  }

  onFailure(): void {
    this.finish(false);
  }
}

/** Errors in GraphQL, such as a refusal of the anonymous, come from a subgraph that lives. */
export function isGraphQL(subgraph: string, outcome: ExchangeOutcome): boolean {
  if (outcome.kind === 'failed') return false;
  try {
    readResponse(subgraph, outcome.status, outcome.text, { errorExtensions: [], extensions: [] });
    return true;
  } catch {
    return false;
  }
}
