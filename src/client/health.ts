/**
 * `GET /health/live`, `/health/ready` and `/health`: what an orchestrator, a load balancer and an operator ask.
 * Clock: per request, but the checks behind `/health` run at most once a second. It never names an address.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';

export interface HealthCheck {
  readonly status: 'up' | 'down' | 'degraded' | 'unknown';
  /** More facts for an operator; they are public, so no addresses and no secrets. */
  readonly [fact: string]: unknown;
}

export interface HealthSource {
  /** Whether requests can be answered: a supergraph is loaded. */
  ready(): boolean;
  /** One entry for the gateway, each subgraph, and each store in use. */
  checks(): Promise<Readonly<Record<string, HealthCheck>>>;
}

export interface HealthReport {
  readonly status: 'up' | 'degraded' | 'down';
  readonly checks: Readonly<Record<string, HealthCheck>>;
}

/** How long a report is good: `/health` is public, and must not become a way to call every subgraph at will. */
const reportAgeMs = 1_000;
const checkTimeoutMs = 2_000;

/**
 * Asks the source at most once per second, however many callers there are, and waits at most two seconds for it.
 * `down` when nothing can be answered, `degraded` when a part is not up.
 */
export function createHealthReporter(
  source: HealthSource,
  isReady: () => boolean,
  now: () => number = Date.now,
): () => Promise<HealthReport> {
  let last: { at: number; report: Promise<HealthReport> } | undefined;
  return () => {
    if (last === undefined || now() - last.at >= reportAgeMs) last = { at: now(), report: report(source, isReady) };
    return last.report;
  };
}

async function report(source: HealthSource, isReady: () => boolean): Promise<HealthReport> {
  const checks = { ...(await runChecks(source)), memory: memory() };
  const healthy = Object.values(checks).every((check) => check.status === 'up');
  return { status: isReady() ? (healthy ? 'up' : 'degraded') : 'down', checks };
}

async function runChecks(source: HealthSource): Promise<Readonly<Record<string, HealthCheck>>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Readonly<Record<string, HealthCheck>>>((resolve) => {
    timer = setTimeout(() => resolve({ gateway: { status: 'unknown' } }), checkTimeoutMs);
  });
  try {
    return await Promise.race([source.checks(), late]);
  } catch {
    return { gateway: { status: 'unknown' } };
  } finally {
    clearTimeout(timer);
  }
}

function memory(): HealthCheck {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { status: 'up', residentBytes: rss, heapUsedBytes: heapUsed, externalBytes: external };
}

/** Adds the three routes. Readiness is off as soon as `isClosing`, so that no new traffic is sent to a server that ends. */
export function addHealthRoutes(app: FastifyInstance, source: HealthSource, isClosing: () => boolean): void {
  const isReady = () => !isClosing() && source.ready();
  const reporter = createHealthReporter(source, isReady);
  const send = (reply: FastifyReply, status: number, body: unknown) =>
    reply.code(status).header('cache-control', 'no-store').send(body);

  app.get('/health/live', (_request, reply) => send(reply, 200, { status: 'up' }));
  app.get('/health/ready', (_request, reply) => {
    const ready = isReady();
    return send(reply, ready ? 200 : 503, { status: ready ? 'up' : 'down' });
  });
  app.get('/health', async (_request, reply) => {
    const current = await reporter();
    return send(reply, current.status === 'down' ? 503 : 200, current);
  });
}
