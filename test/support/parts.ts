/**
 * Test support: the parts of an answer, as a client puts them together.
 */
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
