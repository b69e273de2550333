import { negotiate, negotiateCoding, prefersHtml } from '../../src/client/negotiation';

const json = 'application/json';
const graphql = 'application/graphql-response+json';

describe('negotiation', () => {
  it.each<[string | undefined, string | undefined]>([
    [undefined, json],
    ['', json],
    ['*/*', json],
    ['application/*', json],
    [json, json],
    ['Application/JSON', json],
    ['application/json; charset=utf-8', json],
    [graphql, graphql],
    [`${graphql}, ${json}`, graphql],
    [`${json}, ${graphql}`, json],
    [`${graphql};q=0.9, ${json}`, json],
    [`${json};q=0.9, ${graphql}`, graphql],
    [`${graphql}, */*;q=0.1`, graphql],
    [`*/*, ${graphql}`, graphql],
    [`${json};q=0, */*`, graphql],
    [`${json};q=0, ${graphql};q=0, */*`, undefined],
    [`${json}; Q=0.5 , ${graphql} ; q = 0.6`, graphql],
    [`${graphql};q=banana, ${json};q=0.1`, json],
    ['text/html', undefined],
    ['text/*, image/png', undefined],
    [',,;;=,', undefined],
    [`text/event-stream, multipart/mixed, ${graphql}, ${json}`, graphql],
  ])('answers Accept %j with %s', (accept, mediaType) => {
    expect(negotiate(accept)?.mediaType).toBe(mediaType);
  });

  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ['*/*', false],
    ['application/*', false],
    [json, true],
    [`text/html, ${json};q=0.5, */*;q=0.1`, true],
    [graphql, false],
  ])('sees in Accept %j whether JSON was named: %s', (accept, named) => {
    expect(negotiate(accept)?.jsonByName).toBe(named);
  });

  it('finds the one type that it can answer in a header of 16,000 bytes', () => {
    expect(negotiate(`${'a/b;q=0.1,'.repeat(1_600)}${json}`)).toEqual(negotiate(json));
  });

  it.each<[string | undefined, boolean]>([
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['text/html', true],
    ['*/*', false],
    [undefined, false],
    [json, false],
    [`${json}, text/html;q=0.9`, false],
    [`text/html, ${json}`, true],
    ['text/html;q=0', false],
  ])('takes Accept %j for a browser: %s', (accept, html) => {
    expect(prefersHtml(accept)).toBe(html);
  });
});

describe('the coding of an answer', () => {
  it.each<[string | undefined, string | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['zstd', undefined],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['deflate', 'deflate'],
    ['gzip, deflate, br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['*', 'br'],
    ['gzip, br;q=0', 'gzip'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['gzip;q=0, *;q=0', undefined],
    ['identity;q=1, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['gzip;q=banana', undefined],
  ])('is for Accept-Encoding %j %s', (header, coding) => {
    expect(negotiateCoding(header, ['br', 'gzip', 'deflate'])).toBe(coding);
  });
});
