/**
 * The small fixed run of the conformance fuzzer; `npm run fuzz` is the long one.
 * Real: the gateway with its planner thread, composition, subgraphs over HTTP. Observed: that every answer is the one
 * that plain graphql-js gives over the undivided schema.
 */
import { type GatewayUnderTest, ourGateway } from './gateways';
import { describeMismatch, describeSummary } from './report';
import { runFuzz } from './run';

let gateway: GatewayUnderTest;

beforeAll(() => {
  gateway = ourGateway();
});

afterAll(() => gateway.close());

describe('Supergate beside plain graphql-js', () => {
  it('answers random operations over random supergraphs like the undivided schema', async () => {
    const seed = 'four';
    const summary = await runFuzz({
      gateway,
      seed,
      cases: 200,
      operationsPerGraph: 25,
      keepGoing: true,
      minimise: 'nothing',
    });
    const stories = [...summary.kinds.values()].map(({ first }) =>
      describeMismatch(first, { seed, gateway: 'ours', withPlan: false }),
    );
    // A story tells the operation, both answers and every subgraph request.
    if (stories.length > 0) throw new Error(stories.join('\n\n'));
    expect(summary.cases).toBe(200);
    // A refusal is no wrong answer: without this bound a gateway that refuses everything would pass.
    expect(summary.refusals).toBe(0);
    expect(describeSummary(summary)).toContain('0 mismatches');
  }, 240_000);
});
