/**
 * Test support: the whole reference graph in this process, behind a gateway as `supergate serve` starts it.
 * Real: Postgres, the three subgraphs with their seed, HTTP, WebSockets, the tokens of users.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../src/main';
import { silentLog } from '../../src/telemetry/log';
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import { createLocalEvents, type Events } from '../../subgraphs/shared/events';
import { createPasswords } from '../../subgraphs/users/passwords';
import { createUsersSubgraph } from '../../subgraphs/users/subgraph';
import { startTestSubgraph } from '../subgraphs/payments-content-support';
import { TEST_SECRET } from '../subgraphs/shared-call';

export interface ReferenceGraph {
  readonly graphqlUrl: string;
  /** What all subgraphs tell one another. */
  readonly events: Events;
  close(): Promise<void>;
}

/** Starts it on free ports and databases of its own. Passwords are hashed cheaply. */
export async function startReferenceGraph(): Promise<ReferenceGraph> {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-reference-'));
  const events = createLocalEvents();
  const env = { SIGNING_KEYS_DIR: join(directory, 'keys') };
  const users = await createUsersSubgraph(env, silentLog, createPasswords({ ln: 10, r: 8, p: 1 }));
  const subgraphs = await Promise.all([
    startTestSubgraph(users, events),
    startTestSubgraph(createPaymentsSubgraph({}, silentLog), events),
    startTestSubgraph(createContentSubgraph(), events),
  ]);
  const urls = subgraphs.map(({ url }) => url);
  const config = join(directory, 'gateway.yaml');
  writeFileSync(
    config,
    `server: { port: 0 }
authentication:
  required: false
  issuers:
    - issuer: https://users.supergate.local
      audiences: [supergate]
      algorithms: [ES256]
      jwksUrl: ${urls[0]}/.well-known/jwks.json
subgraphIdentity: { secret: ${TEST_SECRET} }
telemetry: { logLevel: silent }`,
  );
  const gateway = await serve({
    supergraph: join(__dirname, '../../supergraph.yaml'),
    config,
    env: {
      SUBGRAPH_USERS_URL: `${urls[0]}/graphql`,
      SUBGRAPH_PAYMENTS_URL: `${urls[1]}/graphql`,
      SUBGRAPH_CONTENT_URL: `${urls[2]}/graphql`,
    },
  });
  return {
    graphqlUrl: gateway.graphqlUrl,
    events,
    async close() {
      await gateway.close();
      await Promise.all(subgraphs.map((subgraph) => subgraph.close()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
