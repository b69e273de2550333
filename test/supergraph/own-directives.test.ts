import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { findLostDirectives } from '../../src/supergraph/own-directives';

/** Plain data: the schema of a subgraph in, what composition would lose out. */
const federation = (...imports: string[]) =>
  `@link(url: "https://specs.apollo.dev/federation/v2.9", import: [${imports.map((name) => `"${name}"`).join()}])`;
const spec = (rest = '', version = '1.0') => `@link(url: "https://specs.supergate.dev/rateLimit/v${version}" ${rest})`;
const define = (name: string) => `directive @${name}(max: Int) on FIELD_DEFINITION`;

const lost = (sdl: string) => findLostDirectives('a', parse(sdl));
const message = (sdl: string) => lost(sdl).map((issue) => issue.message)[0] ?? '';

describe('a directive of ours', () => {
  it('that is linked and composed is kept, under any name', () => {
    const plain = `extend schema ${federation('@composeDirective')} ${spec('import: ["@rateLimit"]')}
      @composeDirective(name: "@rateLimit") ${define('rateLimit')} type Query { a: Int @rateLimit(max: 1) }`;
    const renamed = `extend schema ${federation()} ${spec('import: [{ name: "@rateLimit", as: "@calm" }]')}
      @federation__composeDirective(name: "@calm") ${define('calm')} type Query { a: Int @calm(max: 1) }`;
    for (const sdl of [plain, renamed]) {
      expect(lost(sdl)).toEqual([]);
      const composed = composeServices([{ name: 'a', url: 'http://a', typeDefs: parse(sdl) }]);
      expect(composed.supergraphSdl).toMatch(/a: Int @(rateLimit|calm)\(max: 1\)/);
    }
  });

  it('that is linked and applied, but not composed, is told with its place and how to mend it', () => {
    const sdl = `extend schema ${federation('@composeDirective')} ${spec('as: "calm"')}
      ${define('calm')}
      type Query { a: Int @calm(max: 1) }`;
    expect(lost(sdl)).toEqual([
      {
        code: 'DIRECTIVE_NOT_COMPOSED',
        message:
          '@calm is applied, but composition would drop it and nothing would enforce it: add @composeDirective(name: "@calm") to the schema, and import "@composeDirective" from the federation link',
        locations: [{ subgraph: 'a', line: 3, column: 27 }],
      },
    ]);
    // What it is told for: composition itself says nothing.
    const composed = composeServices([{ name: 'a', url: 'http://a', typeDefs: parse(sdl) }]);
    expect([composed.errors, composed.supergraphSdl?.includes('calm')]).toEqual([undefined, false]);
  });

  it('that is applied without a link is told, in a schema of federation 1 too', () => {
    const body = `${define('rateLimit')} type Query { a: Int @rateLimit(max: 1) }`;
    expect(message(`extend schema ${federation('@key')} ${body}`)).toContain(
      'add @link(url: "https://specs.supergate.dev/rateLimit/v1.0", import: ["@rateLimit"]) @federation__composeDirective(name: "@rateLimit")',
    );
    expect(message(body)).toContain('this schema is of federation 1');
  });

  it('that is linked in a version of another time is told', () => {
    const sdl = `extend schema ${federation('@composeDirective')} ${spec('', '2.0')} @composeDirective(name: "@rateLimit")
      ${define('rateLimit')} type Query { a: Int @rateLimit(max: 1) }`;
    expect(message(sdl)).toContain('link https://specs.supergate.dev/rateLimit/v1.0');
  });

  it('that is not applied, or that comes from another address, is nobody’s loss', () => {
    const foreign = '@link(url: "https://example.com/rateLimit/v1.0", import: ["@rateLimit"])';
    expect(lost(`extend schema ${federation()} ${spec('import: ["@rateLimit"]')} type Query { a: Int }`)).toEqual([]);
    expect(
      lost(`extend schema ${federation()} ${foreign} ${define('rateLimit')} type Query { a: Int @rateLimit }`),
    ).toEqual([]);
  });
});
