import { type Graph, startGraph } from '../support/graph';
import type { LoggedRequest, RawAnswer } from '../support/subgraph-server';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine. `stock` answers what each test tells it to.
 * Observed: the answer. The healthy part survives; what is missing has an error with path, code and subgraph.
 */
const items = [{ id: 'i1' }, { id: 'i2' }, { id: 'i3' }];
const subgraphs = [
  {
    name: 'catalog',
    sdl: `
      type Query { items: [Item!]! one: Item }
      type Item @key(fields: "id") { id: ID! name: String! }`,
    resolvers: {
      Query: { items: () => items, one: () => items[0] },
      Item: { name: ({ id }: { id: string }) => `name of ${id}` },
    },
  },
  {
    name: 'stock',
    sdl: `
      type Query { total: Int sum: Int! places: [Place] }
      type Place { city: String! street: String }
      type Item @key(fields: "id") { id: ID! count: Int place: Place shelf: Int! }`,
    resolvers: {},
  },
  {
    name: 'labels',
    sdl: 'type Item @key(fields: "id") { id: ID! count: Int @external label: String @requires(fields: "count") tag: String }',
    resolvers: {
      Item: {
        __resolveReference: (reference: object) => reference,
        label: ({ count }: { count: number }) => `${count} left`,
      },
    },
  },
];

describe('failures of subgraphs', () => {
  let graph: Graph;
  let stock: (request: LoggedRequest) => RawAnswer | Promise<RawAnswer>;
  beforeAll(async () => {
    graph = await startGraph(subgraphs, {
      intercept: (request) => (request.subgraph === 'stock' ? stock(request) : undefined),
    });
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });
  const answers = (body: unknown, status = 200) => {
    stock = () => ({ status, body: typeof body === 'string' ? body : JSON.stringify(body) });
  };
  const entities = (...list: unknown[]) => ({ data: { _entities: list } });
  const healthy = [{ count: 1 }, { count: 2 }, { count: 3 }];

  /** The answer to this query, with these counts and an error at each of these indexes. */
  const query = '{ items { n: name c: count } }';
  const answerWith = (counts: readonly (number | null)[], errors: readonly object[]) => {
    const list = counts.map((c, index) => ({ n: `name of i${index + 1}`, c }));
    return JSON.stringify({ ...(errors.length > 0 && { errors }), data: { items: list } });
  };
  const error = (message: string, code: string, path?: readonly (string | number)[]) => ({
    message,
    ...(path && { path }),
    extensions: { code, serviceName: 'stock' },
  });
  const everywhere = (message: string, code: string) =>
    [0, 1, 2].map((index) => error(message, code, ['items', index, 'c']));
  const noResponse = "Subgraph 'stock' answered with something that is not a GraphQL response.";
  const noEntities = "Subgraph 'stock' did not answer with the entities it was asked for.";

  it.each([
    ['HTML', '<html>http://10.0.0.1 /etc/passwd</html>', noResponse],
    ['truncated JSON', '{"data":{"_entities":[{"count":1', noResponse],
    ['nothing', '', noResponse],
    ['a list', [], noResponse],
    ['a string', '"data"', noResponse],
    ['an empty object', {}, noResponse],
    ['data that is a list', { data: [] }, noResponse],
    ['null data without an error', { data: null }, noResponse],
    ['errors that are no list', { errors: { message: 'x' } }, noResponse],
    ['no entities', { data: {} }, noEntities],
    ['null entities', { data: { _entities: null } }, noEntities],
    ['entities that are no list', { data: { _entities: {} } }, noEntities],
    ['too few entities', entities({ count: 1 }), noEntities],
    ['too many entities', entities(...healthy, { count: 4 }), noEntities],
    ['entities that are no objects', entities(1, 'x', []), noEntities],
  ])('fails only its own fields for %s', async (_name, body, message) => {
    answers(body);
    expect(await graph.answer(query)).toBe(
      answerWith([null, null, null], everywhere(message, 'SUBREQUEST_MALFORMED_RESPONSE')),
    );
  });

  it.each([
    ['500 with HTML', 500, '<html>at Object.<anonymous> (/srv/app.js:1:1)</html>'],
    ['404 with JSON', 404, '{"reason":"no such path"}'],
    ['503 with nothing', 503, ''],
    ['500 with data', 500, JSON.stringify(entities(...healthy))],
    ['a redirect', 302, ''],
  ])('fails only its own fields for status %s', async (_name, status, body) => {
    answers(body, status);
    expect(await graph.answer(query)).toBe(
      answerWith(
        [null, null, null],
        everywhere("Subgraph 'stock' answered with an HTTP error.", 'SUBREQUEST_HTTP_ERROR'),
      ),
    );
  });

  it('takes the errors of an answer whose status is one of failure', async () => {
    answers({ errors: [{ message: 'Not today', extensions: { code: 'CLOSED' } }] }, 500);
    expect(await graph.answer(query)).toBe(answerWith([null, null, null], everywhere('Not today', 'CLOSED')));
  });

  it.each([
    ['at an entity', entities({ count: 1 }, null, { count: 3 }), ['_entities', 1]],
    ['at a field', entities({ count: 1 }, { count: null }, { count: 3 }), ['_entities', 1, 'count']],
    ['nowhere, with one null', entities({ count: 1 }, { count: null }, { count: 3 }), undefined],
    ['at no entity, with one null', entities({ count: 1 }, { count: null }, { count: 3 }), ['_entities']],
    ['at an entity that there is not', entities({ count: 1 }, null, { count: 3 }), ['_entities', 9, 'count']],
    ['at another path, with one null', entities({ count: 1 }, null, { count: 3 }), ['elsewhere']],
  ])('reports an error %s at the null that it left', async (_name, body, path) => {
    answers({ ...body, errors: [{ message: 'Gone', path }] });
    expect(await graph.answer(query)).toBe(
      answerWith([1, null, 3], [error('Gone', 'DOWNSTREAM_SERVICE_ERROR', ['items', 1, 'c'])]),
    );
  });

  it.each([
    ['at a field', ['_entities', 1, 'count'], ['items', 1, 'c']],
    ['below a field', ['_entities', 2, 'count', 'x', 3], ['items', 2, 'c']],
    ['nowhere', undefined, undefined],
    ['at no entity', ['_entities'], undefined],
    ['at an entity that there is not', ['_entities', 3, 'count'], undefined],
    ['elsewhere', ['other', 'path'], undefined],
  ])('reports an error %s beside complete data', async (_name, path, expected) => {
    answers({ ...entities(...healthy), errors: [{ message: 'Careful', path }] });
    const reported = error('Careful', 'DOWNSTREAM_SERVICE_ERROR', expected);
    expect(await graph.answer(query)).toBe(answerWith([1, 2, 3], [reported]));
  });

  it('reports no error at a field that the client did not ask', async () => {
    answers({ ...entities(...healthy), errors: [{ message: 'Careful', path: ['_entities', 1, 'shelf'] }] });
    expect(await graph.answer(query)).toBe(answerWith([1, 2, 3], []));
  });

  it('lets codes of subgraphs pass, and nothing else of their extensions', async () => {
    const extensions = {
      code: 'MY_CODE',
      stacktrace: ['at /srv/app.js'],
      exception: { host: 'db' },
      serviceName: 'lie',
    };
    answers({ data: null, errors: [{ message: 'Boom', extensions, locations: [{ line: 1, column: 1 }] }] });
    expect(await graph.answer('{ one { count } }')).toBe(
      '{"errors":[{"message":"Boom","path":["one","count"],"extensions":{"code":"MY_CODE","serviceName":"stock"}}],"data":{"one":{"count":null}}}',
    );
  });

  it('gives words to an error that has none', async () => {
    answers({ data: null, errors: [null] });
    const message = 'The subgraph reported an error without a message.';
    expect(await graph.answer(query)).toBe(
      answerWith([null, null, null], everywhere(message, 'DOWNSTREAM_SERVICE_ERROR')),
    );
  });

  it('caps what one answer may report', async () => {
    answers({
      data: { total: 1 },
      errors: Array.from({ length: 5_000 }, (_, n) => ({ message: `No. ${n}`, path: ['total'] })),
    });
    const { data, errors } = await graph.query('{ total }');
    expect(JSON.stringify(data)).toBe('{"total":1}');
    expect(errors?.length).toBeLessThanOrEqual(100);
  });

  it('fails what requires a field for the reason that failed the field', async () => {
    answers('<html>');
    expect(await graph.answer('{ one { name label } }')).toBe(
      `{"errors":[{"message":"${noResponse}","path":["one","label"],"extensions":{"code":"SUBREQUEST_MALFORMED_RESPONSE","serviceName":"stock"}}],` +
        '"data":{"one":{"name":"name of i1","label":null}}}',
    );
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['catalog', 'stock']);
  });

  it('empties the parents of a non-null field, with one error', async () => {
    answers('<html>');
    expect(await graph.answer('{ one { name s: shelf } total }')).toBe(
      `{"errors":[{"message":"${noResponse}","path":["one","s"],"extensions":{"code":"SUBREQUEST_MALFORMED_RESPONSE","serviceName":"stock"}},` +
        `{"message":"${noResponse}","path":["total"],"extensions":{"code":"SUBREQUEST_MALFORMED_RESPONSE","serviceName":"stock"}}],` +
        '"data":{"one":null,"total":null}}',
    );
    expect(await graph.answer('{ one { name } s: sum }')).toBe(
      `{"errors":[{"message":"${noResponse}","path":["s"],"extensions":{"code":"SUBREQUEST_MALFORMED_RESPONSE","serviceName":"stock"}}],"data":null}`,
    );
  });

  it.each([
    [
      'a string for a number',
      { total: 'many' },
      '{ total }',
      'Int cannot represent the value of field Query.total.',
      '["total"]',
      '{"total":null}',
    ],
    [
      'an object for a number',
      { total: { a: 1 } },
      '{ total }',
      'Int cannot represent the value of field Query.total.',
      '["total"]',
      '{"total":null}',
    ],
    [
      'a list for a number',
      { total: [1] },
      '{ total }',
      'Int cannot represent the value of field Query.total.',
      '["total"]',
      '{"total":null}',
    ],
    [
      'a number for a list',
      { places: 1 },
      '{ places { city } }',
      'Expected a list for field Query.places.',
      '["places"]',
      '{"places":null}',
    ],
    [
      'an object for a list',
      { places: { city: 'x' } },
      '{ places { city } }',
      'Expected a list for field Query.places.',
      '["places"]',
      '{"places":null}',
    ],
    [
      'a string for an object',
      { places: ['x', { city: 'y' }] },
      '{ places { city } }',
      'Expected an object for field Query.places.',
      '["places",0]',
      '{"places":[null,{"city":"y"}]}',
    ],
    [
      'a list for an object',
      { places: [[{ city: 'x' }]] },
      '{ places { city } }',
      'Expected an object for field Query.places.',
      '["places",0]',
      '{"places":[null]}',
    ],
    [
      'a non-null field left out',
      { places: [{ street: 'x' }] },
      '{ places { s: street c: city } }',
      'Cannot return null for non-nullable field Place.city.',
      '["places",0,"c"]',
      '{"places":[null]}',
    ],
    [
      'a number too large',
      { total: 2 ** 31 },
      '{ total }',
      'Int cannot represent the value of field Query.total.',
      '["total"]',
      '{"total":null}',
    ],
  ])('answers null and an error for %s', async (_name, data, asked, message, path, expected) => {
    answers({ data });
    expect(await graph.answer(asked)).toBe(
      `{"errors":[{"message":"${message}","path":${path},"extensions":{"code":"INVALID_SUBGRAPH_DATA","serviceName":"stock"}}],"data":${expected}}`,
    );
  });
});

describe('subgraphs that do not answer', () => {
  let graph: Graph;
  let release = () => {};
  beforeAll(async () => {
    graph = await startGraph(subgraphs, {
      intercept: ({ subgraph }) => {
        if (subgraph !== 'labels') return undefined;
        return new Promise((resolve) => {
          release = () => resolve({ body: '{}' });
        });
      },
      // Nobody listens at port 9 (discard).
      config: {
        subgraphs: { overrides: { stock: { url: 'http://127.0.0.1:9/secret-path' }, labels: { timeoutMs: 150 } } },
      },
    });
  }, 30_000);
  afterAll(async () => {
    release();
    await graph.close();
  });

  it('fails only the fields of one that is down', async () => {
    expect(await graph.answer('{ one { name count place { city } } total }')).toBe(
      '{"errors":[' +
        ['["one","count"]', '["one","place"]', '["total"]']
          .map(
            (path) =>
              `{"message":"Subgraph 'stock' could not be reached.","path":${path},"extensions":{"code":"SUBREQUEST_HTTP_ERROR","serviceName":"stock"}}`,
          )
          .join(',') +
        '],"data":{"one":{"name":"name of i1","count":null,"place":null},"total":null}}',
    );
  });

  it('fails only the fields of one that is slow, at its deadline', async () => {
    const startedAt = performance.now();
    expect(await graph.answer('{ __typename items { name } one { id tag } }')).toBe(
      '{"errors":[{"message":"Subgraph \'labels\' did not answer in time.","path":["one","tag"],"extensions":{"code":"GATEWAY_TIMEOUT","serviceName":"labels"}}],' +
        '"data":{"__typename":"Query","items":[{"name":"name of i1"},{"name":"name of i2"},{"name":"name of i3"}],"one":{"id":"i1","tag":null}}}',
    );
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});
