/**
 * What a purchase costs: integers in, integers out, rounded half up to the minor unit. Pure.
 */
import { badUserInput } from '../shared/errors';
import type { Money, TaxClass } from './rows';

/** The largest amount one payment may have, in the minor unit: 999,999.99 EUR. */
export const MAX_AMOUNT = 99_999_999;
export const MAX_QUANTITY = 100;

/** Percent that prices contain, by what the content is. */
const TAX_PERCENT: Readonly<Record<TaxClass, number>> = { STANDARD: 19, EDITORIAL: 7 };

/**
 * `checkoutTotal({ amount: 1050, currency: 'EUR' }, 3, 15)` is 2678 EUR: 3150 less 15 percent, 2677.5 rounded half up.
 * Throws BAD_USER_INPUT when `quantity` is not 1..100 or the total exceeds what one payment may be.
 */
export function checkoutTotal(price: Money, quantity: number, discountPercent: number, argument = 'quantity'): Money {
  if (!Number.isInteger(discountPercent) || discountPercent < 0 || discountPercent > 100) {
    throw new Error('discountPercent of content is not a percentage');
  }
  checkQuantity(quantity, argument);
  const amount = roundedRatio(price.amount * quantity * (100 - discountPercent), 100);
  if (amount > MAX_AMOUNT) throw badUserInput(`One payment cannot exceed ${MAX_AMOUNT} minor units.`, argument);
  return { amount, currency: price.currency };
}

/** The value-added tax within a gross total: `includedTax({ amount: 11900, currency: 'EUR' }, 'STANDARD')` is 1900. */
export function includedTax(total: Money, taxClass: TaxClass): Money {
  const percent = TAX_PERCENT[taxClass];
  return { amount: roundedRatio(total.amount * percent, 100 + percent), currency: total.currency };
}

/** Throws BAD_USER_INPUT when `quantity` is not 1..100. */
export function checkQuantity(quantity: number, argument: string): void {
  if (quantity < 1 || quantity > MAX_QUANTITY) {
    throw badUserInput(`${argument} must be between 1 and ${MAX_QUANTITY}.`, argument);
  }
}

/** All products here stay below 10^13, so doubles hold them exactly. */
function roundedRatio(numerator: number, denominator: number): number {
  return Math.floor((2 * numerator + denominator) / (2 * denominator));
}
