/**
 * deploy/helm/supergate, rendered by Go's templates and sprig, as Helm does it (render-chart.go), and checked against
 * the schemas of Kubernetes. Real: the engine of the templates, the schemas, the reader of gateway.yaml. No cluster.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config';
import { metricCatalogue } from '../../src/telemetry/metric-catalogue';

const chart = join(__dirname, '../../deploy/helm/supergate');
const goPath = '/usr/share/gocode';
const hasGo = spawnSync('go', ['version']).status === 0 && existsSync(join(goPath, 'src/github.com/Masterminds/sprig'));
if (!hasGo && process.env.CI === 'true') throw new Error('CI has no Go with sprig to render the chart with');
const cache = mkdtempSync(join(tmpdir(), 'supergate-chart-'));
const program = join(cache, 'render-chart');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // biome-ignore lint/suspicious/noExplicitAny: the shapes of Kubernetes, checked by its schemas
  readonly [key: string]: any;
}

function build(): void {
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: goPath, GOCACHE: join(cache, 'go'), GOFLAGS: '' };
  const built = spawnSync('go', ['build', '-o', program, join(__dirname, 'render-chart.go')], {
    env,
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(built.stderr);
}

function render(values: object): { readonly text: string; readonly problem: string } {
  const { stdout, stderr } = spawnSync(program, [chart], { input: JSON.stringify(values), encoding: 'utf8' });
  return { text: stdout, problem: stderr };
}

/** The manifests by kind. Throws where one is not as the schema of its kind demands. */
function manifestsOf(values: object): Map<string, Manifest> {
  const { text, problem } = render(values);
  if (problem !== '') throw new Error(problem);
  const [, ...rest] = text.split(/^---$/m);
  const yaml = rest.filter((part) => !part.trimStart().startsWith('# NOTES.txt')).join('\n---\n');
  const all = parseAllDocuments(yaml).flatMap((document) => {
    expect(document.errors).toEqual([]);
    return (document.toJS() as Manifest | null) ?? [];
  });
  for (const manifest of all) checkSchema(manifest);
  return new Map(all.map((manifest) => [manifest.kind, manifest]));
}

function checkSchema({ apiVersion, kind, ...rest }: Manifest): void {
  const models = apiVersion.startsWith('monitoring.') ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models';
  const model = require(`${models}/${apiVersion}/${kind}`)[kind] as new (data: object) => { validate(): void };
  new model(rest).validate();
}

const everything = {
  supergraph: { sdl: 'type Query {\n  me: String\n}\n' },
  config: { timeouts: { operationMs: 9_000, drainMs: 1 }, limits: { maxDepth: 12 } },
  env: { PLAN: 'yes' },
  secretRefs: ['supergate'],
  imagePullSecrets: [{ name: 'registry' }],
  autoscaling: { enabled: true, requestsInFlight: 40 },
  networkPolicy: {
    enabled: true,
    ingressFrom: [{ podSelector: { matchLabels: { app: 'ingress' } } }],
    egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }],
  },
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  service: { annotations: { a: 'b' } },
  podLabels: { team: 'graph' },
  podAnnotations: { note: 'x: y' },
  nodeSelector: { disk: 'fast' },
  tolerations: [{ key: 'only', operator: 'Exists' }],
};

const [suite, reason] = hasGo ? [describe, ''] : [describe.skip, ' (skipped: no Go with sprig)'];

suite(`the Helm chart${reason}`, () => {
  beforeAll(build, 120_000);
  afterAll(() => rmSync(cache, { recursive: true, force: true }));

  it('makes manifests that Kubernetes takes, with the least and with everything', () => {
    const least = manifestsOf({ supergraph: { url: 'https://example.com/supergraph.graphql' } });
    expect([...least.keys()].sort()).toEqual([
      'ConfigMap',
      'Deployment',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
    ]);
    const all = manifestsOf(everything);
    expect([...all.keys()].sort()).toEqual([
      'ConfigMap',
      'Deployment',
      'HorizontalPodAutoscaler',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
      'ServiceMonitor',
    ]);
  });

  it('gives the gateway a configuration that it reads, with the times that Kubernetes waits for', () => {
    const manifests = manifestsOf(everything);
    const { data } = manifests.get('ConfigMap') as Manifest;
    const file = join(cache, 'gateway.yaml');
    writeFileSync(file, data['gateway.yaml']);
    const read = loadConfig({ file, env: {} });
    if (read.kind === 'problems') throw new Error(JSON.stringify(read.problems));
    const { timeouts, limits } = read.config;
    expect(timeouts).toMatchObject({ operationMs: 9_000, readinessMs: 5_000, drainMs: 20_000 });
    expect(limits.maxDepth).toBe(12);
    expect(data['supergraph.graphql'].trim()).toBe(everything.supergraph.sdl.trim());
    const { spec } = (manifests.get('Deployment') as Manifest).spec.template;
    expect(spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(
      timeouts.readinessMs + timeouts.drainMs + 5_000,
    );
  });

  it('starts what the image has, as nobody, on a disk that it cannot write', () => {
    const { spec } = (manifestsOf(everything).get('Deployment') as Manifest).spec.template;
    const [container] = spec.containers;
    expect(container.args).toEqual([
      'serve',
      '/etc/supergate/supergraph.graphql',
      '--config',
      '/etc/supergate/gateway.yaml',
    ]);
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1_000 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.readinessProbe.httpGet.path).toBe('/health/ready');
    expect(container.livenessProbe.httpGet.path).toBe('/health/live');
  });

  it('selects with every service, budget, policy and monitor the pods that it makes', () => {
    const manifests = manifestsOf(everything);
    const labels = (manifests.get('Deployment') as Manifest).spec.template.metadata.labels;
    const selectors = [
      manifests.get('Service')?.spec.selector,
      manifests.get('PodDisruptionBudget')?.spec.selector.matchLabels,
      manifests.get('NetworkPolicy')?.spec.podSelector.matchLabels,
    ];
    for (const selector of selectors) {
      expect(Object.keys(selector).length).toBeGreaterThan(0);
      expect(labels).toMatchObject(selector);
    }
    const monitored = manifests.get('ServiceMonitor')?.spec.selector.matchLabels;
    expect((manifests.get('Service') as { metadata: { labels?: object } } | undefined)?.metadata.labels).toMatchObject(
      monitored,
    );
  });

  it('scales by a metric that the gateway has', () => {
    const { metrics } = (manifestsOf(everything).get('HorizontalPodAutoscaler') as Manifest).spec;
    const pods = metrics.find(({ type }: { type: string }) => type === 'Pods');
    expect(Object.keys(metricCatalogue)).toContain(pods.pods.metric.name);
  });

  it('changes the pods when gateway.yaml changes, and not when the supergraph does', () => {
    const checksum = (values: object) =>
      manifestsOf(values).get('Deployment')?.spec.template.metadata.annotations['checksum/config'];
    const other = { ...everything, supergraph: { sdl: 'type Query { you: String }' } };
    expect(checksum(other)).toBe(checksum(everything));
    expect(checksum({ ...everything, config: { limits: { maxDepth: 13 } } })).not.toBe(checksum(everything));
  });

  it.each([
    ['no supergraph', {}],
    ['two', { supergraph: { sdl: 'type Query { a: Int }', url: 'https://example.com/' } }],
  ])('refuses %s', (_name, values) => {
    expect(render(values).problem).toContain('set one of supergraph.sdl, supergraph.yaml and supergraph.url');
  });

  it('checks its values: names, types and bounds', () => {
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8'));
    const isValid = new Ajv({ allowUnionTypes: true }).compile(schema);
    const defaults = parse(readFileSync(join(chart, 'values.yaml'), 'utf8'));
    expect(isValid(defaults)).toBe(true);
    expect(Object.keys(schema.properties).filter((name) => name !== 'global')).toEqual(Object.keys(defaults));
    expect(isValid({ ...defaults, replica: 3 })).toBe(false);
    expect(isValid({ ...defaults, supergraph: { url: 'ftp://example.com' } })).toBe(false);
    expect(isValid({ ...defaults, shutdown: { drainMs: '20s' } })).toBe(false);
  });
});
