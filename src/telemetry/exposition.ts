/**
 * Counters and histograms as plain numbers, and Prometheus's text format (version 0.0.4) of them.
 * Clock: per request (count: no allocation), per scrape (render). It knows no metric by name.
 */

export const expositionContentType = 'text/plain; version=0.0.4; charset=utf-8';

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

/** The lines of one metric; `labels` names the label values of its cells, in order. */
export function renderMetric(
  name: string,
  { help, type, labels }: { readonly help: string; readonly type: string; readonly labels: readonly string[] },
  family: Iterable<readonly [readonly LabelValue[], CounterCell | HistogramCell]>,
): string {
  const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`];
  for (const [values, cell] of family) {
    const pairs = labels.map((label, index) => pair(label, values[index] ?? ''));
    if (cell instanceof HistogramCell) lines.push(...histogramLines(name, pairs, cell));
    else lines.push(sample(name, pairs, cell.value));
  }
  return `${lines.join('\n')}\n`;
}

function histogramLines(name: string, pairs: readonly string[], { bounds, counts, sum }: HistogramCell): string[] {
  const lines: string[] = [];
  let total = 0;
  counts.forEach((count, index) => {
    total += count;
    lines.push(sample(`${name}_bucket`, [pair('le', bounds[index] ?? '+Inf'), ...pairs], total));
  });
  return [...lines, sample(`${name}_sum`, pairs, sum), sample(`${name}_count`, pairs, total)];
}

function sample(name: string, pairs: readonly string[], value: number): string {
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function pair(label: string, value: LabelValue): string {
  const escaped = String(value).replace(/[\\\n"]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
  return `${label}="${escaped}"`;
}

function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (character) => (character === '\n' ? '\\n' : '\\\\'));
}
