/**
 * Test support: an answer in parts, as a client asks for it and puts it together.
 */
import { textsOf } from '../../src/client/event-text';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type Identity } from '../../src/context/request-context';
import type { Gateway, GatewayRequest } from '../../src/gateway';
import { inParts } from '../../src/pipeline';
import { silentLog } from '../../src/telemetry/log';

export interface Payload {
  readonly data?: unknown;
  readonly errors?: readonly object[];
  readonly incremental?: readonly {
    readonly data?: unknown;
    readonly path: readonly (string | number)[];
    readonly label?: string;
    readonly errors?: readonly object[];
  }[];
  readonly hasNext?: boolean;
}

/** What a client that takes parts is told, one payload after the other. Rejects with the first error of a refusal. */
export async function* askInParts(
  gateway: Gateway,
  { query, variables = {}, operationName }: GatewayRequest,
  identity: Identity = anonymous,
): AsyncGenerator<Payload, void> {
  const prepared = gateway.prepare(query, operationName);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const { deadline, dispose } = openDeadline(Date.now() + 50_000, Date.now);
  const calls = { count: 0, failed: 0 };
  const common = { id: 'test', identity, deadline, log: silentLog, subgraphHeaders: {}, calls };
  const context = { ...common, dispose, clientLeft: dispose };
  try {
    const answer = await gateway.answer(inParts(prepared, context), variables, context);
    for await (const text of textsOf(answer, context)) yield JSON.parse(text) as Payload;
  } finally {
    dispose();
  }
}

/** The data that payloads make together. */
export function joinParts([beginning, ...rest]: readonly Payload[]): unknown {
  const whole = { data: structuredClone(beginning?.data) as Record<string, unknown> };
  for (const { data, path } of rest.flatMap(({ incremental = [] }) => incremental)) {
    const target = path.reduce(
      (value, key) => (value as Record<string | number, object>)[key] as object,
      whole.data as object,
    );
    if (data) merge(target as Record<string, unknown>, data as Record<string, unknown>);
  }
  return whole.data;
}

function merge(target: Record<string, unknown>, source: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(source)) {
    const known = Object.hasOwn(target, key) ? target[key] : undefined;
    if (isObject(known) && isObject(value)) merge(known, value);
    // A setter of that name would take it.
    else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
