import { createYamlFile } from './yaml-file';

// Real: the YAML file on disk. Observed: the rules, or the printed problems.
const { configOf, problemsOf, remove } = createYamlFile();
afterAll(remove);

const problemsOfRule = (rule: string, of = 'requests') =>
  problemsOf(`headers:\n  ${of}:\n    - ${rule}\n`).map((line) => line.replace(/^gateway.yaml:\d+:\d+ /, ''));

describe('header rules', () => {
  it('become variants, in their order', () => {
    const { headers } = configOf(
      `
headers:
  requests:
    - { propagate: [x-tenant, "x-b3-*"], subgraphs: [users], operations: [query] }
    - { propagate: [authorization], as: x-client-authorization, default: none }
    - { set: x-region, value: "\${env.REGION}" }
    - { set: x-plan, claim: account.plan, default: free }
    - { set: x-address, context: clientAddress }
    - { remove: ["x-b3-flags"] }
  responses:
    - { propagate: [x-served-by], merge: append }
    - { set: x-powered-by, value: supergate }
`,
      { REGION: 'eu-1' },
    );
    expect(headers.requests).toMatchObject([
      { kind: 'propagate', names: ['x-tenant', 'x-b3-*'], subgraphs: ['users'], operations: ['query'] },
      { kind: 'propagate', names: ['authorization'], as: 'x-client-authorization', default: 'none' },
      { kind: 'set', name: 'x-region', from: { kind: 'value', value: 'eu-1' } },
      { kind: 'set', name: 'x-plan', from: { kind: 'claim', claim: 'account.plan' }, default: 'free' },
      { kind: 'set', name: 'x-address', from: { kind: 'context', name: 'clientAddress' } },
      { kind: 'remove', names: ['x-b3-flags'] },
    ]);
    expect(headers.responses).toMatchObject([
      { kind: 'propagate', names: ['x-served-by'], merge: 'append' },
      { kind: 'set', name: 'x-powered-by', value: 'supergate' },
    ]);
  });

  it.each([
    ['{ propagate: [connection] }', 'propagate[0]: this header belongs to one connection and is never forwarded'],
    [
      '{ propagate: [X-Tenant] }',
      'propagate[0]: expected a header name in lower case, or the beginning of one and "*"',
    ],
    [
      '{ propagate: ["x-*-id"] }',
      'propagate[0]: expected a header name in lower case, or the beginning of one and "*"',
    ],
    ['{ propagate: [supergate-identity] }', 'propagate[0]: the gateway sends this header itself'],
    ['{ set: x-request-id, value: a }', 'set: the gateway sends this header itself'],
    ['{ set: transfer-encoding, value: a }', 'set: this header belongs to one connection and is never forwarded'],
    ['{ set: traceparent, value: a }', 'set: a trace is no place for other values'],
    ['{ propagate: [x-tenant], as: tracestate }', 'as: a trace is no place for other values'],
    ['{ set: x-a }', ': "set" needs exactly one of value, claim, context, and nothing else has one'],
    [
      '{ set: x-a, value: b, claim: c }',
      ': "set" needs exactly one of value, claim, context, and nothing else has one',
    ],
    [
      '{ set: x-a, value: "a\\r\\nx-b: c" }',
      'value: expected printable ASCII: a header cannot hold control characters',
    ],
    [
      '{ set: x-a, value: a, default: b }',
      'default: "default" is for "propagate", and for "set" with "claim" or "context"',
    ],
    ['{ propagate: ["x-*"], default: b }', 'default: "default" needs plain names'],
    ['{ propagate: [x-a, x-b], as: x-c }', 'as: "as" needs "propagate" with one plain name, which is none of a trace'],
    ['{ propagate: [x-a], remove: [x-b] }', ': give exactly one of propagate, set, remove; given: propagate, remove'],
    ['{ subgraphs: [users] }', ': give exactly one of propagate, set, remove; given: none'],
    [
      '{ propagate: [x-a], operations: [read] }',
      'operations[0]: expected one of query, mutation, subscription; did you mean "read"?',
    ],
    ['{ propagat: [x-a] }', 'propagat: unknown key "propagat"; did you mean "propagate"?'],
  ])('are refused: %s', (rule, problem) => {
    const [place = '', ...words] = problem.split(': ');
    const path = `headers.requests[0]${place === '' ? '' : `.${place}`}`;
    expect(problemsOfRule(rule).map((line) => line.replace(/; did you mean "\w+"\?$/, ''))).toContain(
      `${path}: ${words.join(': ').replace(/; did you mean "\w+"\?$/, '')}`,
    );
  });

  it.each([
    ['{ propagate: [content-type] }', 'propagate[0]'],
    ['{ propagate: [access-control-allow-origin] }', 'propagate[0]'],
    ['{ propagate: [content-length] }', 'propagate[0]'],
    ['{ set: retry-after, value: "1" }', 'set'],
    ['{ set: x-a, value: b, subgraphs: [users] }', 'set'],
    ['{ set: x-a, claim: b }', 'claim'],
    ['{ remove: [x-a], merge: first }', 'merge'],
  ])('for clients are refused: %s', (rule, place) => {
    expect(problemsOfRule(rule, 'responses').join('\n')).toContain(`headers.responses[0].${place}: `);
  });
});
