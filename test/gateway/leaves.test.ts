import { type Graph, startGraph } from '../support/graph';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine. The subgraph answers what each test tells it to, as
 * JSON text that no JavaScript has touched.
 */
const subgraphs = [
  {
    name: 'values',
    sdl: `
      type Query {
        int: Int float: Float string: String boolean: Boolean id: ID colour: Colour any: Any date: Date
        ints: [Int!] colours: [Colour] anys: [Any!] echo(any: Any, input: In): String
      }
      enum Colour { RED GREEN }
      scalar Any
      scalar Date @specifiedBy(url: "https://example.com/date")
      input In { id: ID float: Float any: Any list: [Int!] = [1] colour: Colour = RED }`,
    resolvers: {},
  },
];

describe('leaves', () => {
  let graph: Graph;
  let data: string;
  beforeAll(async () => {
    graph = await startGraph(subgraphs, { intercept: () => ({ body: `{"data":${data}}` }) });
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it.each([
    ['int', '0', '0'],
    ['int', '-2147483648', '-2147483648'],
    ['int', '2147483647', '2147483647'],
    ['int', '1.0', '1'],
    ['int', '"12"', '12'],
    ['float', '0.1', '0.1'],
    ['float', '3', '3'],
    ['float', '1e300', '1e+300'],
    ['float', '-0.0', '0'],
    ['string', '""', '""'],
    ['string', '"\\u2028 \\" \\\\ é 😀"', '"\u2028 \\" \\\\ é 😀"'],
    ['string', '5', '"5"'],
    ['string', 'true', '"true"'],
    ['boolean', 'false', 'false'],
    ['boolean', '0', 'false'],
    ['id', '"007"', '"007"'],
    ['id', '7', '"7"'],
    ['id', '""', '""'],
    ['colour', '"RED"', '"RED"'],
    ['date', '"2026-01-01"', '"2026-01-01"'],
    ['any', '{"a":[1,{"b":null}],"__proto__":{"c":1},"then":2}', '{"a":[1,{"b":null}],"__proto__":{"c":1},"then":2}'],
    ['any', '[[],{}]', '[[],{}]'],
    ['any', '"text"', '"text"'],
    ['any', 'false', 'false'],
    ['any', '12345678901.5', '12345678901.5'],
    ['any', 'null', 'null'],
    ['ints', '[]', '[]'],
    ['colours', '["GREEN",null]', '["GREEN",null]'],
    ['anys', '[{},[1],0]', '[{},[1],0]'],
  ])('lets %s %s out as %s', async (field, sent, expected) => {
    data = `{"${field}":${sent}}`;
    expect(await graph.answer(`{ x: ${field} }`)).toBe(`{"data":{"x":${expected}}}`);
  });

  it.each([
    ['int', '2147483648', 'Int cannot represent the value of field Query.int.'],
    ['int', '1.5', 'Int cannot represent the value of field Query.int.'],
    ['int', '"x"', 'Int cannot represent the value of field Query.int.'],
    ['int', '""', 'Int cannot represent the value of field Query.int.'],
    ['int', '[1]', 'Int cannot represent the value of field Query.int.'],
    ['float', '"x"', 'Float cannot represent the value of field Query.float.'],
    ['float', '1e999', 'Float cannot represent the value of field Query.float.'],
    ['float', '{}', 'Float cannot represent the value of field Query.float.'],
    ['string', '{}', 'String cannot represent the value of field Query.string.'],
    ['string', '["a"]', 'String cannot represent the value of field Query.string.'],
    ['boolean', '"true"', 'Boolean cannot represent the value of field Query.boolean.'],
    ['id', '1.5', 'ID cannot represent the value of field Query.id.'],
    ['id', '{"valueOf":1}', 'ID cannot represent the value of field Query.id.'],
    ['colour', '"BLUE"', 'Enum \\"Colour\\" cannot represent the value of field Query.colour.'],
    ['colour', '"toString"', 'Enum \\"Colour\\" cannot represent the value of field Query.colour.'],
    ['colour', '"__proto__"', 'Enum \\"Colour\\" cannot represent the value of field Query.colour.'],
    ['colour', '1', 'Enum \\"Colour\\" cannot represent the value of field Query.colour.'],
    ['colour', '["RED"]', 'Enum \\"Colour\\" cannot represent the value of field Query.colour.'],
  ])('lets no %s %s out', async (field, sent, message) => {
    data = `{"${field}":${sent}}`;
    expect(await graph.answer(`{ x: ${field} }`)).toBe(
      `{"errors":[{"message":"${message}","path":["x"],"extensions":{"code":"INVALID_SUBGRAPH_DATA","serviceName":"values"}}],"data":{"x":null}}`,
    );
  });

  it('names the item of a list that is wrong', async () => {
    data = '{"ints":[1,"x",3],"colours":["RED","BLUE"]}';
    expect(await graph.answer('{ ints c: colours }')).toBe(
      '{"errors":[' +
        '{"message":"Int cannot represent the value of field Query.ints.","path":["ints",1],"extensions":{"code":"INVALID_SUBGRAPH_DATA","serviceName":"values"}},' +
        '{"message":"Enum \\"Colour\\" cannot represent the value of field Query.colours.","path":["c",1],"extensions":{"code":"INVALID_SUBGRAPH_DATA","serviceName":"values"}}' +
        '],"data":{"ints":null,"c":["RED",null]}}',
    );
  });

  it('hands variables on as the client sent them', async () => {
    data = '{"_0_echo":"ok","_1_echo":"ok"}';
    const any = { __typename: 'x', deep: [1, null, { 'a"b': '\u2028' }] };
    const variables = { any, input: { id: 5, float: 1, any: 'x' } };
    const query =
      'query ($any: Any, $input: In, $other: Any = 3) { a: echo(any: $any, input: $input) b: echo(any: $other) }';
    expect(await graph.answer(query, variables)).toBe('{"data":{"a":"ok","b":"ok"}}');
    expect(graph.requests[0]?.variables).toEqual(variables);
    expect(graph.requests[0]?.query).toContain('=3');
  });

  it('sends no variable that only a skipped field uses', async () => {
    data = '{"int":1}';
    const query = 'query ($any: Any) { int echo(any: $any) @skip(if: true) }';
    expect(await graph.answer(query, { any: 1 })).toBe('{"data":{"int":1}}');
    expect(graph.requests[0]?.variables).toEqual({});
  });

  it('hands literals on', async () => {
    data = '{"_0_echo":"ok"}';
    const literal =
      '{ any: {a: [1, -2.5, "x\\"y\u2028", null, true, {b: {}}]}, list: [1, 2], id: 9007199254740993, colour: GREEN }';
    expect(await graph.answer(`{ echo(any: "block \\"quoted\\" text", input: ${literal}) }`)).toBe(
      '{"data":{"echo":"ok"}}',
    );
    const [sent] = graph.requests;
    for (const part of [
      'any:"block \\"quoted\\" text"',
      'a:[1 -2.5 "x\\"y\u2028" null true{b:{}}]',
      'id:9007199254740993',
      'colour:GREEN',
    ]) {
      expect(sent?.query).toContain(part);
    }
  });
});
