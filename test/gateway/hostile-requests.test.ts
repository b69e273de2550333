import type { ErrorCode } from '../../src/errors';
import { type Graph, startGraph } from '../support/graph';
import { type HostileRequest, hostileRequests, mazeOf } from './hostile-documents';
import { hostileGraph } from './hostile-graph';

/**
 * Real: everything from the text of a request to its answer, planner thread and subgraphs over HTTP among it.
 * Observed: the refusal, how large the answer is, what subgraphs were asked. How long others wait is measured apart.
 */
jest.setTimeout(30_000);
let graph: Graph;
beforeAll(async () => {
  graph = await startGraph(hostileGraph, { config: { planner: { timeoutMs: 6_000 } } });
});
afterAll(() => graph.close());
beforeEach(() => {
  graph.requests.length = 0;
});

/** Which of them depends on the machine. */
const hardToPlan = ['QUERY_PLAN_TIMEOUT', 'QUERY_PLAN_TOO_LARGE'];
/** Planned or refused, as the machine is. */
const slow = ['a maze, all doors 3 deep'];

const maxAnswerLength = 1_000_000;
const maxRefusalLength = 30_000;

async function ask({ query, variables, operationName }: HostileRequest) {
  const { data, errors = [] } = await graph.query(query, variables, operationName);
  return {
    data,
    codes: [...new Set(errors.map(({ extensions }) => extensions.code))],
    length: JSON.stringify({ data, errors }).length,
    subgraphRequests: graph.requests.length,
  };
}

describe('a hostile request', () => {
  const refusals: Readonly<Partial<Record<ErrorCode, readonly string[]>>> = {
    MAX_SELECTIONS_LIMIT: [
      'reused fragments, 20 levels',
      'reused fragments, 12 levels',
      'reused spreads without aliases, 20 levels',
      'reused spreads without aliases, 13 levels',
      'reused spreads over an interface, 20 levels',
      'reused spreads over an interface, 13 levels',
      'fragments over 12 types, 20 levels',
      'fragments over 12 types, 4 levels',
      '1,200 operations',
      '150 uses of a list of 5,000',
      '150 uses of a string of 90 KB',
      'introspection 150 times',
      'introspection 20 times',
    ],
    MAX_DEPTH_LIMIT: [
      '30 levels across subgraphs',
      '900 chained fragments',
      'a cycle of 900 fragments',
      '3,000 levels',
      '40 levels',
      'a list literal 7,000 deep',
      'a list literal 1,000 deep',
      'an object literal 3,000 deep',
      'an object literal 800 deep',
      'a type 1,000 deep',
    ],
    MAX_TOKENS_LIMIT: [
      '3,000 aliases of one field',
      '10,000 chained fragments',
      '100,000 unknown directives',
      'overlapping fields 100 x 100',
      'overlapping fields 40 x 40',
      'equal overlapping fields 100 x 100',
      'equal overlapping fields 40 x 40',
      '1,500 operations',
      '400 operations times 3,000 usages',
      '60 operations times 5,000 usages',
      'a list literal of 14,000',
      'a list literal of 14,000 wrong',
      'a type 7,000 deep',
      'a valid document of 14,500 tokens',
    ],
    MAX_ROOT_FIELDS_LIMIT: ['999 aliases of one field', 'equal overlapping fields 30 x 30', '5,000 unknown fields'],
    MAX_ALIASES_LIMIT: ['150 uses of an alias of 90 KB'],
    GRAPHQL_VALIDATION_FAILED: [
      '499 unknown directives',
      'a cycle of 190 fragments',
      '90 KB in a wrong variable',
      '90 KB in a wrong literal',
      '90 KB as a field name',
      '90 KB as an operation name',
      '100 errors after 95,000 lines',
    ],
    GRAPHQL_PARSE_FAILED: ['a syntax error after 95,000 lines'],
    MAX_VARIABLE_VALUES_LIMIT: ['20,000 wrong items in a list variable'],
    BAD_USER_INPUT: [
      '9,900 wrong items in a list variable',
      '20 wrong variables after 95,000 lines',
      'a list variable 45,000 deep',
      'an input object variable 9,000 deep',
    ],
  };

  const refused = Object.entries(refusals).flatMap(([code, names]) => names.map((name) => [name, code] as const));
  it.each(refused)('is refused, and no subgraph hears of it: %s', async (name, code) => {
    const { data, codes, length, subgraphRequests } = await ask(hostileRequests[name] as HostileRequest);
    expect({ data, codes, subgraphRequests }).toEqual({ data: undefined, codes: [code], subgraphRequests: 0 });
    expect(length).toBeLessThan(maxRefusalLength);
  });

  const answered: Readonly<Record<string, number>> = {
    'fragments over 12 types, 3 levels': 3,
    '20 levels across subgraphs': 20,
    '199 aliases of one field': 1,
    '190 chained fragments': 1,
    '22 levels': 1,
    'a list literal of 9,900': 1,
    'variables named __proto__': 1,
    '95 KB of comments': 1,
    '95 KB of one string': 1,
    'a valid document of 9,900 tokens': 3,
    'a valid document of 2,900 tokens, aliased': 3,
    'a valid document of 9,900 tokens, aliased': 4,
    'a maze, all doors 2 deep': 4,
    'a maze, one door 12 deep': 4,
    'an interface across subgraphs, 2 levels': 2,
    'an interface across subgraphs, 3 levels': 2,
    'an interface across subgraphs, 4 levels': 2,
    introspection: 0,
  };

  it.each(Object.entries(answered))('is answered when it keeps the limits: %s', async (name, most) => {
    const { codes, length, subgraphRequests } = await ask(hostileRequests[name] as HostileRequest);
    expect(codes.filter((code) => code !== 'DOWNSTREAM_SERVICE_ERROR')).toEqual([]);
    expect(subgraphRequests).toBeLessThanOrEqual(most);
    expect(length).toBeLessThan(maxAnswerLength);
  });

  it('is refused when it takes too much time to plan, or too much memory', async () => {
    const { data, codes, subgraphRequests } = await ask({ query: mazeOf(7, 2) });
    expect({ data, subgraphRequests }).toEqual({ data: undefined, subgraphRequests: 0 });
    expect(hardToPlan).toContain(codes[0]);
  });

  it('is each of the collection, once', () => {
    const expected = [...refused.map(([name]) => name), ...Object.keys(answered)];
    const rest = [...slow, 'a maze, two doors 7 deep'];
    expect([...expected, ...rest].sort()).toEqual(Object.keys(hostileRequests).sort());
  });
});

describe('after hostile requests', () => {
  it('ordinary ones are answered, and prototypes are as they were', async () => {
    expect(await graph.answer('{ me { id name posts { title } } }')).toBe(
      '{"data":{"me":{"id":"u1","name":"Ada","posts":[{"title":"Title"},{"title":"Title"}]}}}',
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('an operation that is new is planned while one that cannot be planned in time still is', async () => {
    const hostile = ask({ query: mazeOf(7, 2).replace('{', '{ echo(text: "again")') });
    const innocent = await Promise.all(
      ['a', 'b'].map((name) => ask({ query: `{ me { ${name}: name(format: "${name}") posts { title } } }` })),
    );
    expect(innocent.map(({ codes }) => codes)).toEqual([[], []]);
    expect(hardToPlan).toContain((await hostile).codes[0]);
  });
});

describe('names that tools use for introspection', () => {
  const deep = `a: friend { ${'friend { '.repeat(30)}id${' }'.repeat(30)} }`;
  it.each([
    ['an operation', `query IntrospectionQuery { me { ${deep} } }`],
    ['a fragment', `query IntrospectionQuery { me { ...FullType } } fragment FullType on User { ${deep} }`],
    ['an alias', `query IntrospectionQuery { __schema: me { ${deep} } }`],
    ['a neighbour', `{ __schema { description } me { ${deep} } }`],
  ])('give %s no exception from limits', async (_name, query) => {
    expect((await ask({ query })).codes).toEqual(['MAX_DEPTH_LIMIT']);
  });
});
