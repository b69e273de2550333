/**
 * `@rateLimit` as it is written in SDL: what is read of it, and every mistake with its coordinate and place.
 * Plain data, but for the last suite: composition on the planner thread, and gateways that refuse to load.
 */
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway } from '../../src/gateway';
import { rateLimitDefinition, rateLimitSpec, readRateLimits } from '../../src/policy/rate-limit-declarations';
import { PlannerThread } from '../../src/supergraph/planner-client';
import { silentLog } from '../../src/telemetry/log';
import { limiting } from '../gateway/rate-limit-graph';

const head = `extend schema @link(url: "${rateLimitSpec}/v1.0", import: ["@rateLimit"]) ${rateLimitDefinition}\n`;
const read = (body: string, tiers?: readonly string[]) => readRateLimits(parse(head + body), tiers);
const problemsOf = (body: string, tiers?: readonly string[]) =>
  read(body, tiers).problems.map(({ coordinate, message }) => `${coordinate}: ${message}`);
const onField = (use: string) =>
  problemsOf(`
  type Query { f(id: ID, ids: [[ID!]!]!, input: In): Int ${use} }
  input In { email: String, deep: In, items: [Item] }
  input Item { id: ID }`);

describe('@rateLimit', () => {
  it('is read with everything that it says', () => {
    const { declarations, problems } = read(`type Mutation { f(input: In): Int @rateLimit(max: 5, window: "15 minutes",
      by: "ip", algorithm: "token-bucket", identityArgs: ["input.email"], arrayLengthField: "input.items",
      uncountRejected: false, readOnly: true, onStoreFailure: "closed", message: "Slowly.") }
      input In { email: String, items: [ID] }`);
    expect(problems).toEqual([]);
    expect(declarations).toEqual([
      {
        coordinate: 'Mutation.f',
        max: 5,
        windowMs: 900_000,
        tier: undefined,
        by: 'ip',
        algorithm: 'token-bucket',
        identityArgs: [['input', 'email']],
        arrayLengthField: ['input', 'items'],
        uncountRejected: false,
        readOnly: true,
        message: 'Slowly.',
        onStoreFailure: 'closed',
      },
    ]);
  });

  it('is read from types, interfaces and extensions, several times and under another name', () => {
    const sdl = `extend schema @link(url: "${rateLimitSpec}/v1.0", import: [{ name: "@rateLimit", as: "@calm" }])
      ${rateLimitDefinition.replace('@rateLimit', '@calm')}
      type Query @calm(tier: "a") { f: Int @calm(max: 1, window: "1s") @calm(max: 5, window: "1m") @rateLimit(max: 0) }
      extend type Query { g: Int @calm(max: 1, window: "1s") }
      interface I @calm(tier: "b") { h: Int @calm(max: 1, window: "1s") }`;
    const { declarations } = readRateLimits(parse(sdl), undefined);
    const coordinates = declarations.map(({ coordinate }) => coordinate);
    expect(coordinates).toEqual(['Query', 'Query.f', 'Query.f', 'Query.g', 'I', 'I.h']);
  });

  it('of somebody else is left alone', () => {
    expect(readRateLimits(parse('type Query { f: Int @rateLimit(max: "no") }'), []).problems).toEqual([]);
  });

  it.each([
    ['@rateLimit', 'give max and window, or the tier that has them'],
    ['@rateLimit(max: 5)', 'give max and window, or the tier that has them'],
    ['@rateLimit(max: 0, window: "1s")', 'max must be a whole number of at least 1'],
    ['@rateLimit(max: -1, window: "1s")', 'max must be a whole number of at least 1'],
    ['@rateLimit(max: 9999999999999999999, window: "1s")', 'max must be a whole number of at least 1'],
    ['@rateLimit(max: 100001, window: "1s")', 'max may be 100000 at most for a sliding-window'],
    ['@rateLimit(max: "5", window: "1s")', 'max must be Int, not "5"'],
    ['@rateLimit(max: 1.5, window: "1s")', 'max must be Int, not 1.5'],
    ['@rateLimit(max: 5, window: "banana")', expect.stringMatching(/^window: "banana": expected a time with its unit/)],
    ['@rateLimit(max: 5, window: "60")', expect.stringMatching(/^window: "60": expected a time/)],
    ['@rateLimit(max: 5, window: "0s")', expect.stringMatching(/^window: "0s": expected a time/)],
    ['@rateLimit(max: 5, window: "1 year")', expect.stringMatching(/^window: "1 year": expected a time/)],
    ['@rateLimit(max: 5, windw: "1s")', 'there is no argument "windw"; did you mean "window"?'],
    ['@rateLimit(tier: "a", max: 5)', 'tier has its own max, window and algorithm: give either'],
    [
      '@rateLimit(max: 1, window: "1s", by: "ips")',
      'by: "ips" is none of identity, ip, apiKey, global; did you mean "ip"?',
    ],
    [
      '@rateLimit(max: 1, window: "1s", algorithm: "fixed")',
      'algorithm: "fixed" is none of sliding-window, token-bucket',
    ],
    [
      '@rateLimit(max: 1, window: "1s", onStoreFailure: "opn")',
      'onStoreFailure: "opn" is none of open, closed, local; did you mean "open"?',
    ],
    [
      '@rateLimit(max: 1, window: "1s", identityArgs: ["ID"])',
      'identityArgs: there is no "ID" in the arguments; did you mean "id"?',
    ],
    [
      '@rateLimit(max: 1, window: "1s", identityArgs: ["input.emial"])',
      'identityArgs: there is no "input.emial" in the arguments; did you mean "email"?',
    ],
    [
      '@rateLimit(max: 1, window: "1s", identityArgs: ["input.items.id"])',
      'identityArgs: there is no "input.items.id" in the arguments',
    ],
    ['@rateLimit(max: 1, window: "1s", identityArgs: "id")', 'identityArgs must be [String!], not "id"'],
    ['@rateLimit(max: 1, window: "1s", arrayLengthField: "id")', 'arrayLengthField: "id" is no list'],
    [
      '@rateLimit(max: 1, window: "1s", arrayLengthField: "idz")',
      'arrayLengthField: there is no "idz" in the arguments; did you mean "id"?',
    ],
    ['@rateLimit(max: 1, window: "1s", message: "")', 'message must not be empty'],
  ])('%s is a mistake', (use, message) => {
    expect(onField(use)).toEqual([
      typeof message === 'string'
        ? `Query.f: ${message}`
        : expect.stringMatching(/^Query\.f: window: .* expected a time/),
    ]);
  });

  it('may name lists, deep values and null', () => {
    expect(onField('@rateLimit(max: 1, window: "1s", by: null, identityArgs: ["input.deep.deep.email"])')).toEqual([]);
    expect(onField('@rateLimit(max: 1, window: "1s", arrayLengthField: "ids")')).toEqual([]);
  });

  it('cannot use arguments on a type, nor a tier that there is not', () => {
    expect(problemsOf('type T @rateLimit(tier: "logn", identityArgs: ["id"]) { id: ID }', ['login'])).toEqual([
      'T: there is no tier "logn"; did you mean "login"?: rateLimits.tiers has login',
      'T: identityArgs belongs on a field: a type has no arguments',
    ]);
  });

  it('must be defined as it is: what another definition allows would not be enforced', () => {
    const definition =
      'directive @rateLimit(max: String, burst: Int, window: String = "1m") on FIELD_DEFINITION | SCALAR';
    const sdl = head.replace(rateLimitDefinition, definition);
    expect(readRateLimits(parse(sdl), []).problems.map(({ message }) => message)).toEqual([
      'the argument "max" has the type Int',
      'there is no argument "burst"',
      'the argument "window" has no default value',
      'it must be repeatable: a field may have several limits, and subgraphs may differ',
      'it has no meaning on SCALAR, only on FIELD_DEFINITION, OBJECT, INTERFACE',
    ]);
  });

  it('of another version is refused as a whole', () => {
    const sdl = `extend schema @link(url: "${rateLimitSpec}/v2.0", import: ["@rateLimit"]) type Query { f: Int }`;
    expect(readRateLimits(parse(sdl), []).problems[0]?.message).toContain('version 2.0 is unknown');
  });
});

describe('a mistake in @rateLimit', () => {
  const planner = new PlannerThread({ ...createConfig().planner, rateLimitTiers: ['login'] });
  afterAll(() => planner.close());
  jest.setTimeout(30_000);

  const compose = (sdl: string) => planner.compose([{ name: 'users', url: 'http://users', sdl }]);

  it('fails composition, with the subgraph, the coordinate and the place', async () => {
    const sdl = `${limiting}type Query {\n  f: Int @rateLimit(max: 0, window: "1m")\n  g: Int @rateLimit(tier: "x") }`;
    const result = await compose(sdl);
    const line = sdl.slice(0, sdl.indexOf('max: 0')).split('\n').length;
    expect(result).toEqual({
      kind: 'not-composed',
      errors: [
        {
          code: 'INVALID_RATE_LIMIT',
          message: 'Query.f: max must be a whole number of at least 1',
          locations: [{ subgraph: 'users', line, column: 10 }],
        },
        {
          code: 'INVALID_RATE_LIMIT',
          message: 'Query.g: there is no tier "x": rateLimits.tiers has login',
          locations: [{ subgraph: 'users', line: line + 1, column: 10 }],
        },
      ],
    });
  });

  it('keeps a supergraph that was composed elsewhere from being served', async () => {
    const result = await compose(
      `${limiting}type Query { f: Int @rateLimit(max: 7, window: "1m") g: Int @rateLimit(tier: "login") }`,
    );
    if (result.kind !== 'composed') throw new Error(JSON.stringify(result));
    const load = async (sdl: string) => {
      const gateway = createGateway({ supergraph: { sdl }, config: createConfig() }, { log: silentLog });
      try {
        await gateway.load();
        return 'served';
      } catch (error) {
        return (error as Error).message;
      } finally {
        await gateway.stop();
      }
    };
    expect(await load(result.supergraphSdl)).toBe('served');
    expect(await load(result.supergraphSdl.replace('max: 7', 'max: 0'))).toContain('Query.f: max must be');
    expect(await load(result.supergraphSdl.replace('"login"', '"logins"'))).toContain(
      'Query.g: there is no tier "logins"',
    );
  });
});
