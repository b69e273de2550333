/**
 * Conformance fuzzer: names. Few and shared between types, so that fields of different types meet in fragments;
 * some are names that careless JavaScript trips over.
 */

export const subgraphNames = ['accounts', 'billing', 'catalog', 'my-reviews', 'stock', 'zone_6'] as const;

export const entityNames = ['User', 'Product', 'Review', 'Store', 'Order', 'Account', 'Ticket'] as const;

export const valueNames = ['Money', 'Address', 'Size', 'Meta', 'Span'] as const;

export const interfaceNames = ['Named', 'Priced', 'Owned', 'Located'] as const;

export const unionNames = ['Result', 'Anything'] as const;

export const keyNames = ['id', 'id', 'id', 'key', 'code', 'sku', 'upc', '_id'] as const;

export const fieldNames = [
  'name',
  'title',
  'price',
  'total',
  'weight',
  'status',
  'owner',
  'parent',
  'items',
  'related',
  'best',
  'note',
  'label',
  'score',
  'kind',
  'code2',
  'details',
  'history',
  'first',
  'data',
] as const;

export const hostileFieldNames = [
  'then',
  'constructor',
  'toString',
  'prototype',
  'hasOwnProperty',
  'length',
  '_',
] as const;

/** Response names a client may choose. */
export const hostileAliases = [
  '__proto__',
  'constructor',
  'prototype',
  'then',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'length',
  '_entities',
  '_0',
  '_id',
  'data',
  '__typename_',
] as const;

export const argumentNames = ['first', 'of', 'in', 'currency', 'filter', 'id'] as const;

export const variableNames = [
  'representations',
  'id',
  'a',
  'b',
  'first',
  'constructor',
  'input',
  'toString',
  '_1',
] as const;
