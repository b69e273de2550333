import { ApolloServer } from '@apollo/server';
import { type Graph, startGraph } from '../support/graph';
import { equalOverlappingFields, overlappingFields } from './hostile-documents';
import { hostileGraph } from './hostile-graph';

/**
 * Real: everything; the gateway in Apollo Servers that validate, and that leave it to the gateway.
 * Observed: codes, what the subgraphs were asked.
 */
jest.setTimeout(30_000);
/** So that the comparison of fields alone is in the way. */
const unlimited = { maxTokens: 100_000, maxSelections: 100_000, maxRootFields: 100_000 };
let graph: Graph;
const hosts: ApolloServer[] = [];
beforeAll(async () => {
  graph = await startGraph(hostileGraph, { config: { limits: unlimited } });
  for (const dangerouslyDisableValidation of [false, true]) {
    const host = new ApolloServer({
      gateway: { ...hostOf(graph) },
      dangerouslyDisableValidation,
      stopOnTerminationSignals: false,
    });
    await host.start();
    hosts.push(host);
  }
});
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await graph.close();
});

const hostOf = ({ gateway }: Graph) => ({
  load: () => gateway.load(),
  onSchemaLoadOrUpdate: gateway.onSchemaLoadOrUpdate.bind(gateway),
  stop: async () => {},
});

async function codesOf(host: ApolloServer, query: string): Promise<unknown[]> {
  const { body } = await host.executeOperation({ query });
  if (body.kind !== 'single') throw new Error('not a single answer');
  return (body.singleResult.errors ?? []).map(({ extensions }) => extensions?.code);
}

describe('an Apollo Server around the gateway', () => {
  const refusals: readonly [string, string][] = [
    ['a field that is not there', '{ me { nope } }'],
    ['fields of one name that differ', '{ me { id } me: users { name } }'],
    ['inline fragments 100 x 100 of fields that differ', overlappingFields(100, 100)],
    ['a fragment that nobody spreads', '{ me { id } } fragment F on User { id }'],
  ];

  it.each(refusals)('refuses %s, with the code of the gateway where it does not validate', async (_name, query) => {
    graph.requests.length = 0;
    const { errors = [] } = await graph.query(query);
    const codes = errors.map(({ extensions }) => extensions.code);
    expect(codes).not.toEqual([]);
    const [validating, trusting] = await Promise.all(hosts.map((host) => codesOf(host, query)));
    expect(validating).not.toEqual([]);
    expect(trusting).toEqual(codes);
    expect(graph.requests).toEqual([]);
  });

  it('answers what is valid, fields that are repeated 90 x 90 times among it', async () => {
    for (const host of hosts) expect(await codesOf(host, '{ me { id posts { title } } }')).toEqual([]);
    expect(await codesOf(hosts[1] as ApolloServer, equalOverlappingFields(90, 90))).toEqual([]);
  });
});
