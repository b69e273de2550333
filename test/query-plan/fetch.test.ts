import type { FetchNode } from '@apollo/query-planner';
import type { ExpectedField } from '../../src/query-plan/failures';
import { compileFetch } from '../../src/query-plan/fetch';
import type { SupergraphTypes } from '../../src/query-plan/supergraph-types';

const types = {} as SupergraphTypes;
const expectedOf = (operation: string): readonly ExpectedField[] =>
  compileFetch({ kind: 'Fetch', serviceName: 'a', operationKind: 'query', operation } as FetchNode, types).expected;

describe('what a fetch expects back', () => {
  it('is each response name once, with all that is selected below it anywhere', () => {
    expect(expectedOf('{ a: b { c } ... on Query { a: b { d c } __typename ... { e } } }')).toEqual([
      {
        name: 'a',
        selection: [
          { name: 'c', selection: undefined },
          { name: 'd', selection: undefined },
        ],
      },
      { name: 'e', selection: undefined },
    ]);
  });

  it('is no larger for a field that is written thousands of times, at every level', () => {
    const again = (text: string) => `${text} `.repeat(1_000);
    expect(expectedOf(`{ ${again('a { b { c } }')} ${again('a { b { d } }')} }`)).toEqual(
      expectedOf('{ a { b { c d } } }'),
    );
  });
});
