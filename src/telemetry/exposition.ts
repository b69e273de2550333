/**
 * Counters and histograms as plain numbers, handed to prom-client when they are asked for: counted by prom-client they
 * cost forty times as much. Clock: per request (count: no allocation), per scrape (render). It knows no metric by name.
 */
import { AggregatorRegistry, type Metric, Registry } from 'prom-client';

export interface CounterCell {
  value: number;
}

/** How many observations fell below each bound, and their sum. */
export class HistogramCell {
  sum = 0;
  /** By the first bound that is not below them; the last one has no bound. Not cumulative, unlike the text. */
  readonly counts: Float64Array;

  constructor(readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let index = 0;
    // Most are short.
    while (index < bounds.length && value > (bounds[index] ?? 0)) index++;
    counts[index] = (counts[index] ?? 0) + 1;
    this.sum += value;
  }
}

type LabelValue = string | number;

/** The cells of one metric by their label values: two at most, so that no key need be put together to find one. */
export class Family<Cell> {
  readonly #cells = new Map<LabelValue, Map<LabelValue, Cell>>();

  constructor(private readonly create: () => Cell) {}

  /** The cell of these label values, made when it is asked for first. */
  of(first: LabelValue = '', second: LabelValue = ''): Cell {
    let cells = this.#cells.get(first);
    if (cells === undefined) {
      cells = new Map();
      this.#cells.set(first, cells);
    }
    let cell = cells.get(second);
    if (cell === undefined) {
      cell = this.create();
      cells.set(second, cell);
    }
    return cell;
  }

  /** Forgets the cells of a first value, or the one of both. */
  delete(first: LabelValue, second?: LabelValue): void {
    const cells = this.#cells.get(first);
    if (second !== undefined) cells?.delete(second);
    if (second === undefined || cells?.size === 0) this.#cells.delete(first);
  }

  *[Symbol.iterator](): Iterator<readonly [values: readonly LabelValue[], cell: Cell]> {
    for (const [first, cells] of this.#cells) {
      for (const [second, cell] of cells) yield [[first, second], cell];
    }
  }
}

/** Counters that start at zero. */
export const counters = (): Family<CounterCell> => new Family(() => ({ value: 0 }));

/** Histograms over these upper bounds. */
export const histograms = (bounds: readonly number[]): Family<HistogramCell> =>
  new Family(() => new HistogramCell(bounds));

/** What the cells of a metric hold, and how they are read. */
export interface Exposed {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator?: Aggregator;
  /** Names of the label values of its cells, in order. */
  readonly labels: readonly string[];
  readonly family: Iterable<readonly [readonly LabelValue[], CounterCell | HistogramCell]>;
}

/** How the values of several processes become one. */
export type Aggregator = 'sum' | 'max' | 'min' | 'average';

/** What one process counts, as plain data for another one to add up. */
export type MetricSamples = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The text of `GET /metrics`, written by prom-client. */
export async function renderMetrics(metrics: readonly Exposed[]): Promise<{ contentType: string; body: string }> {
  const registry = registryOf(metrics);
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/** The same as data. */
export function sampleMetrics(metrics: readonly Exposed[]): Promise<MetricSamples> {
  return registryOf(metrics).getMetricsAsJSON();
}

/** The same text for several processes together. */
export async function renderAll(samples: readonly MetricSamples[]): Promise<{ contentType: string; body: string }> {
  const registry = AggregatorRegistry.aggregate([...samples]);
  return { contentType: registry.contentType, body: await registry.metrics() };
}

function registryOf(metrics: readonly Exposed[]): Registry {
  const registry = new Registry();
  // prom-client asks a metric for its values at scrape time; what counts between scrapes is the cells above.
  for (const metric of metrics) {
    const { name, help, type, aggregator = 'sum' } = metric;
    const get = async () => ({ name, help, type, values: [...sampleValues(metric)], aggregator });
    registry.registerMetric({ name, get } as unknown as Metric);
  }
  return registry;
}

function* sampleValues({ name, labels, family }: Exposed) {
  for (const [values, cell] of family) {
    const own = Object.fromEntries(labels.map((label, index) => [label, values[index] ?? '']));
    if (cell instanceof HistogramCell) yield* histogramValues(name, own, cell);
    else yield { labels: own, value: cell.value };
  }
}

function* histogramValues(name: string, labels: object, { bounds, counts, sum }: HistogramCell) {
  let total = 0;
  for (const [index, count] of counts.entries()) {
    total += count;
    yield { metricName: `${name}_bucket`, labels: { le: bounds[index] ?? '+Inf', ...labels }, value: total };
  }
  yield { metricName: `${name}_sum`, labels, value: sum };
  yield { metricName: `${name}_count`, labels, value: total };
}
