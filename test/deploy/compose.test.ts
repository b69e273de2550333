/** docker-compose.yml against the code that it starts: what it mounts, sets and names is there. No engine runs it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { loadConfig, subgraphSettings } from '../../src/config';
import { readServeArguments } from '../../subgraphs/shared/serve-options';

const root = join(__dirname, '../..');
const read = (name: string) => parse(readFileSync(join(root, name), 'utf8'), { merge: true });

interface Service {
  readonly image?: string;
  readonly build?: string | { readonly target?: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly networks?: { readonly default: { readonly ipv4_address: string } };
}

const { services, volumes } = read('docker-compose.yml') as {
  services: Record<string, Service>;
  volumes: object;
};
const subgraphs = ['users', 'payments', 'content'];
const gateways = ['gateway-1', 'gateway-2'];

describe('docker-compose.yml', () => {
  it('mounts files that there are', () => {
    const mounts = Object.values(services).flatMap(({ volumes: own = [] }) => own.map((mount) => mount.split(':')[0]));
    expect(mounts.length).toBeGreaterThan(8);
    const missing = mounts.filter((source = '') =>
      source.startsWith('.') ? !existsSync(join(root, source)) : !Object.hasOwn(volumes, source),
    );
    expect(missing).toEqual([]);
  });

  it('waits only for services that tell whether they are healthy', () => {
    for (const { depends_on: needs = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(needs)) {
        expect(condition).toBe('service_healthy');
        const needed = services[name];
        // The image of the gateway brings its own check.
        expect(needed?.healthcheck !== undefined || needed?.build === '.').toBe(true);
      }
    }
  });

  it.each(gateways)('gives %s a configuration that is read, with addresses of services', (name) => {
    const env = { ...services[name]?.environment, NODE_ENV: 'production' };
    const loaded = loadConfig({ file: join(root, 'gateway.yaml'), env });
    if (loaded.kind === 'problems') throw new Error(JSON.stringify(loaded.problems));
    const { config } = loaded;
    for (const subgraph of subgraphs) {
      const { hostname, port } = new URL(subgraphSettings(config, subgraph).url ?? '');
      expect({ hostname, port }).toEqual({ hostname: subgraph, port: services[subgraph]?.environment?.HEALTH_PORT });
    }
    expect(new URL(config.redis?.url ?? '').hostname).toBe('redis');
    expect(config.subgraphIdentity?.secret).toBe(services.users?.environment?.SUPERGATE_IDENTITY_SECRET);
  });

  it.each(subgraphs)('starts %s with arguments and variables that it takes', (name) => {
    const { command = [], environment = {} } = services[name] ?? {};
    const served = readServeArguments(command, environment);
    if (served.kind !== 'serve') throw new Error(JSON.stringify(served));
    expect(served.options.subgraphs.map((subgraph) => [subgraph.name, String(subgraph.port)])).toEqual([
      [name, environment.HEALTH_PORT],
    ]);
    expect(served.options).toMatchObject({ host: '0.0.0.0', identitySecret: environment.SUPERGATE_IDENTITY_SECRET });
    expect(new URL(served.options.databaseUrl ?? '').hostname).toBe('postgres');
  });

  it('believes the balancer alone who the client is, which tells what it saw itself', () => {
    const address = services.balancer?.networks?.default.ipv4_address;
    expect(address).toMatch(/^10\.89\.42\./);
    for (const name of gateways) {
      const loaded = loadConfig({ file: join(root, 'gateway.yaml'), env: services[name]?.environment ?? {} });
      expect(loaded.kind === 'config' && loaded.config.server.trustedProxies).toEqual([address]);
    }
    const nginx = readFileSync(join(root, 'deploy/compose/nginx.conf'), 'utf8');
    expect(nginx).toContain('proxy_set_header X-Forwarded-For $remote_addr;');
  });

  it('lets Prometheus scrape and nginx balance both gateways', () => {
    const { scrape_configs: scraped } = read('deploy/compose/prometheus.yml');
    expect(scraped[0].static_configs[0].targets).toEqual(gateways.map((name) => `${name}:4000`));
    const nginx = readFileSync(join(root, 'deploy/compose/nginx.conf'), 'utf8');
    expect([...nginx.matchAll(/^ +server (\S+:\d+)/gm)].map(([, server]) => server)).toEqual(
      gateways.map((name) => `${name}:4000`),
    );
  });
});
