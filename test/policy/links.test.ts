import { parse } from 'graphql';
import { readLinks } from '../../src/policy/links';

/** Plain data: a schema definition in, the names of its directives out. */
const namesIn = (links: string, of = 'policy') =>
  readLinks(parse(`schema @link(url: "https://specs.apollo.dev/link/v1.0") ${links} { query: Q }`))
    .filter(({ identity }) => identity === 'https://specs.apollo.dev/policy')
    .map((feature) => feature.directiveName(of));

describe('the name of a linked directive', () => {
  it.each([
    ['its own', '@link(url: "https://specs.apollo.dev/policy/v0.1")', 'policy'],
    [
      'its own when it is imported',
      '@link(url: "https://specs.apollo.dev/policy/v0.1", import: ["@policy"])',
      'policy',
    ],
    [
      'that of its import',
      '@link(url: "https://specs.apollo.dev/policy/v0.1", import: [{ name: "@policy", as: "@only" }])',
      'only',
    ],
    ['that of the feature', '@link(url: "https://specs.apollo.dev/policy/v0.1", as: "rule")', 'rule'],
    [
      'that of its import before that of the feature',
      '@link(url: "https://specs.apollo.dev/policy/v0.1", as: "rule", import: [{ name: "@policy", as: "@only" }])',
      'only',
    ],
  ])('is %s', (_what, link, name) => {
    expect(namesIn(link)).toEqual([name]);
  });

  it('has the prefix of the feature when it is another than the feature', () => {
    expect(namesIn('@link(url: "https://specs.apollo.dev/policy/v0.1")', 'other')).toEqual(['policy__other']);
    expect(namesIn('@link(url: "https://specs.apollo.dev/policy/v0.1", as: "p")', 'other')).toEqual(['p__other']);
  });

  it('is not taken from an address that only looks alike', () => {
    expect(namesIn('@link(url: "https://specs.apollo.dev.example.com/policy/v0.1")')).toEqual([]);
    expect(namesIn('@link(url: "https://example.com/policy/v0.1")')).toEqual([]);
  });
});

describe('links', () => {
  const readAll = (schema: string) =>
    readLinks(parse(schema)).map(({ identity, version, purpose }) => [identity, version, purpose]);

  it('are read under any name that they give themselves, from extensions too, with their purpose', () => {
    const schema = `schema @ln(url: "https://specs.apollo.dev/link/v1.0", as: "ln") { query: Q }
      extend schema @ln(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY) @link(url: "https://a.example/b/v1.0")`;
    expect(readAll(schema)).toEqual([
      ['https://specs.apollo.dev/link', '1.0', undefined],
      ['https://specs.apollo.dev/policy', '0.1', 'SECURITY'],
    ]);
  });

  it('are those of @core as well', () => {
    const schema = `schema @core(feature: "https://specs.apollo.dev/core/v0.2")
      @core(feature: "https://specs.apollo.dev/inaccessible/v0.1", for: SECURITY) { query: Q }`;
    expect(readAll(schema).at(-1)).toEqual(['https://specs.apollo.dev/inaccessible', '0.1', 'SECURITY']);
  });
});
