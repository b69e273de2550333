/** The picture of a run: a panel for each case, a bar for each gateway, shorter is better. Values in, SVG text out. */
'use strict';

const width = 880;
const margin = 24;
const panelGap = 32;
const titleHeight = 74;
const panelTitleHeight = 30;
const barHeight = 20;
const barGap = 8;
const labelWidth = 136;
const valueWidth = 62;

/** Short names: a bar's label has little room. */
const labels = {
  supergate: 'Supergate',
  apollo: 'Apollo Gateway',
  'hive-jit': 'Hive (JIT)',
  'hive-rust': 'Hive (Rust planner)',
  mercurius: 'Mercurius',
  grafbase: 'Grafbase (Rust)',
};

const style = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
    .title { font-size: 18px; font-weight: 600; }
    .panel { font-weight: 600; }
    .muted { fill: #59636e; }
    .bar { fill: #afb8c1; }
    .ours { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .muted { fill: #9198a1; }
      .bar { fill: #656c76; }
      .ours { fill: #4493f8; }
    }`;

const escapeText = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function drawBar({ name, value }, index, { x, y, panelWidth, greatest }) {
  const top = y + panelTitleHeight + index * (barHeight + barGap);
  const base = top + barHeight / 2 + 4.5;
  const start = x + labelWidth;
  // One pixel at least: what is measured is never nothing.
  const length = Math.max(1, ((panelWidth - labelWidth - valueWidth) * value) / greatest);
  const isOurs = name === 'supergate';
  return [
    `  <text x="${start - 8}" y="${base}" text-anchor="end"${isOurs ? ' class="panel"' : ''}>${escapeText(labels[name])}</text>`,
    `  <rect x="${start}" y="${top}" width="${length.toFixed(1)}" height="${barHeight}" rx="3" class="${isOurs ? 'ours' : 'bar'}"/>`,
    `  <text x="${(start + length + 6).toFixed(1)}" y="${base}"${isOurs ? ' class="panel"' : ' class="muted"'}>${Math.round(value).toLocaleString('en-US')}</text>`,
  ].join('\n');
}

function drawPanel({ title, bars }, place) {
  const greatest = Math.max(...bars.map(({ value }) => value));
  const heading = `  <text x="${place.x}" y="${place.y + 14}" class="panel">${escapeText(title)}</text>`;
  return [heading, ...bars.map((bar, index) => drawBar(bar, index, { ...place, greatest }))].join('\n');
}

/** A panel for each case and mode that was measured; the cheapest gateway on top. */
function listPanels({ options, entrants }, find) {
  return options.modes
    .flatMap((mode) =>
      options.cases.map((testCase) => ({
        title:
          mode === 'unique'
            ? testCase.title
            : `${testCase.title.replace(/, \d+ KB$/, '')}, ${options.connections.identical} alike at once`,
        bars: entrants
          .map(({ contender }) => ({
            name: contender.name,
            value: find(contender.name, testCase, mode)?.cpuMicroseconds,
          }))
          .filter(({ value }) => value !== undefined)
          .sort((a, b) => a.value - b.value),
      })),
    )
    .filter(({ bars }) => bars.length > 0);
}

function drawResults(results, find) {
  const panels = listPanels(results, find);
  const panelWidth = (width - 2 * margin - panelGap) / 2;
  const most = Math.max(0, ...panels.map(({ bars }) => bars.length));
  const panelHeight = panelTitleHeight + most * (barHeight + barGap) + panelGap - barGap;
  const drawn = panels.map((panel, index) =>
    drawPanel(panel, {
      x: margin + (index % 2) * (panelWidth + panelGap),
      y: titleHeight + Math.floor(index / 2) * panelHeight,
      panelWidth,
    }),
  );
  const height = titleHeight + Math.ceil(panels.length / 2) * panelHeight;
  const title = 'Processor time per request, µs (shorter is better)';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">`,
    `  <style>${style}\n  </style>`,
    `  <text x="${margin}" y="34" class="title">${title}</text>`,
    `  <text x="${margin}" y="55" class="muted">The gateway's processes with all threads, user and system. Each panel has a scale of its own.</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

module.exports = { drawResults };
