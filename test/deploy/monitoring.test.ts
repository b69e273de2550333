/** deploy/ against the metrics: what is generated, and what rules ask for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { alerts, type MetricName, renderAlerts, renderDashboard } from '../../scripts/monitoring';
import { metricCatalogue } from '../../src/telemetry/metric-catalogue';
import { createMetrics } from '../../src/telemetry/metrics';

const root = join(__dirname, '../..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
/** Names of metrics in an expression, without the endings that a histogram has. */
const namesIn = (expr: string) =>
  [...expr.matchAll(/\b(?:supergate|process)_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''));

describe('deploy/', () => {
  it('has the files that `npm run monitoring` writes', () => {
    expect(read('deploy/alerts.yaml')).toBe(renderAlerts());
    expect(read('deploy/dashboard.json')).toBe(renderDashboard());
  });

  it('has rules over metrics and labels that there are', () => {
    const { groups } = parse(read('deploy/alerts.yaml')) as { groups: { rules: { alert: string; expr: string }[] }[] };
    expect(groups.flatMap(({ rules }) => rules.map(({ alert }) => alert))).toEqual(alerts.map(({ name }) => name));
    for (const { expr, metrics } of alerts) {
      expect([...new Set(namesIn(expr))]).toEqual([...metrics]);
      const labels = new Set(metrics.flatMap((name) => [...metricCatalogue[name].labels] as string[]));
      const asked = [...expr.matchAll(/(\w+)[!=]?[=~]+"/g)].map(([, label]) => label ?? '');
      expect(asked.filter((label) => !labels.has(label))).toEqual([]);
    }
  });

  it('has a panel for every metric that a gateway serves', async () => {
    const { panels } = JSON.parse(read('deploy/dashboard.json')) as {
      panels: { title: MetricName; targets: { expr: string }[] }[];
    };
    const metrics = createMetrics();
    const { body } = await metrics.render();
    metrics.close();
    const served = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(panels.map(({ title }) => title).sort()).toEqual(served.sort());
    for (const { title, targets } of panels) expect(namesIn(targets[0]?.expr ?? '')).toEqual([title]);
  });
});
