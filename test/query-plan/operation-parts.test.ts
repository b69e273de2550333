import { divideOperation } from '../../src/query-plan/operation-parts';

const requirements = new Map([
  ['Product.dollars', new Map([['price', 'currency:"USD"']])],
  ['Product.tax', new Map([['price', 'currency:"USD"']])],
  ['Product.pounds', new Map([['price', 'currency:"GBP"']])],
  ['Product.plain', new Map([['price', '']])],
  ['Product.size', new Map([['measure', 'unit:CM']])],
]);

const divide = (...used: string[]) => divideOperation(used, requirements).map(({ own }) => [...own]);

describe('parts of an operation', () => {
  it('are one where nothing conflicts', () => {
    expect(divide('Product.dollars', 'Product.tax', 'Product.size')).toEqual([
      ['Product.dollars', 'Product.tax', 'Product.size'],
    ]);
  });

  it('keep fields apart that require one field with different arguments, or with and without', () => {
    expect(divide('Product.dollars', 'Product.pounds', 'Product.plain', 'Product.tax')).toEqual([
      ['Product.dollars', 'Product.tax'],
      ['Product.pounds'],
      ['Product.plain'],
    ]);
  });

  it('leave the rest of the operation to the first', () => {
    const parts = divideOperation(['Product.dollars', 'Product.pounds'], requirements);
    expect(parts.map(({ hasRest, others }) => ({ hasRest, others: [...others] }))).toEqual([
      { hasRest: true, others: ['Product.pounds'] },
      { hasRest: false, others: ['Product.dollars'] },
    ]);
  });
});
