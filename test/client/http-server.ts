/** A real HTTP door over the fake one, with the defaults of the configuration. */
import { createHttpServer, type HttpConfig, type HttpDeps, type HttpServer } from '../../src/client/http';
import type { Log } from '../../src/telemetry/log';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics';
import { createFakeDoor, type FakeDoor } from './fake-door';

export const httpDefaults: HttpConfig = {
  graphqlPath: '/graphql',
  maxBodyBytes: 1_000_000,
  maxHeaderBytes: 16_384,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000,
  compression: true,
  cors: { origins: [], credentials: false },
  introspection: true,
  explorer: true,
  metrics: true,
  expressLane: false,
  trustedProxies: [],
};

export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface TestServer {
  readonly http: HttpServer;
  readonly door: FakeDoor;
  readonly metrics: Metrics;
  /** Everything that was logged. */
  readonly lines: LogLine[];
  readonly health: { ready: boolean };
}

export async function startTestServer(
  config: Partial<HttpConfig> = {},
  deps: Partial<HttpDeps> & { door?: FakeDoor } = {},
): Promise<TestServer> {
  const door = deps.door ?? createFakeDoor();
  const metrics = createMetrics();
  const lines: LogLine[] = [];
  const health = { ready: true };
  const write = (level: keyof Log) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ ...fields, level, message });
  };
  const http = await createHttpServer(
    { ...httpDefaults, ...config },
    {
      createContext: (request) => door.createContext(request),
      health: { ready: () => health.ready, checks: async () => ({ gateway: { status: 'up', generation: 1 } }) },
      metrics,
      log: { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') },
      ...deps,
      door,
    },
  );
  return { http, door, metrics, lines, health };
}

export async function stopTestServer({ http, metrics }: TestServer): Promise<void> {
  metrics.close();
  await http.close({ idleGraceMs: 0, timeoutMs: 2_000 });
}
