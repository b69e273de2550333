/** Which fields are told to be used. Real: composition, planner, engine, subgraphs over HTTP, the file. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConfig } from '../../src/config';
import { type OperationObserver, observeOperations } from '../../src/observe-operations';
import { silentLog } from '../../src/telemetry/log';
import { createMetrics } from '../../src/telemetry/metrics';
import { type Graph, startGraph } from '../support/graph';

jest.setTimeout(60_000);

const directory = mkdtempSync(join(tmpdir(), 'supergate-usage-'));
const file = join(directory, 'usage.ndjson');
const metrics = createMetrics();
const { telemetry } = createConfig({ telemetry: { usage: { file } } });
const observer: OperationObserver = observeOperations(telemetry, {
  metrics,
  log: silentLog,
  trustedNames: () => new Set(),
});
let graph: Graph;

beforeAll(async () => {
  const sdl = `type Query { me(taxNumber: String @tag(name: "pii")): User }
    type User { name: String taxNumber: String @tag(name: "pii") address: Address }
    type Address @tag(name: "pii") { street: String }`;
  const me = { name: 'Ada', taxNumber: 'DE-1', address: { street: 'Way 1' } };
  graph = await startGraph([{ name: 'users', sdl, resolvers: { Query: { me: () => me } } }], {
    dependencies: { onOperation: observer.ended },
  });
});
afterAll(async () => {
  await graph.close();
  metrics.close();
  rmSync(directory, { recursive: true });
});

it('names the fields that were asked, and nothing of personal data', async () => {
  const query = 'query Me($n: String) { me(taxNumber: $n) { name taxNumber address { street } } }';
  for (let count = 0; count < 12; count++) {
    expect((await graph.query(query, { n: 'SECRET-1' })).errors).toBeUndefined();
  }
  await observer.close();
  const text = readFileSync(file, 'utf8');
  expect(text).not.toMatch(/SECRET|taxNumber|street|DE-1/);
  expect(JSON.parse(text)).toMatchObject({
    operation: 'Me',
    requests: 12,
    errors: 0,
    fields: ['Query.me', 'User.name', 'User.address'],
  });
  const { body } = await metrics.render();
  expect(body).toContain('supergate_fields_total{field="User.name"} 12');
  expect(body).toContain('supergate_operations_total{operation="Me",outcome="ok"} 3');
  expect(body).not.toContain('taxNumber');
});
