/**
 * A leaf type -> the code that checks and writes one value of it: a part of what `response-writer.ts` generates.
 * Clock: per document. Nothing of a document or schema enters the code but through `parts`.
 */
import { type GraphQLLeafType, isEnumType } from 'graphql';

/** How a value in a variable is checked and written. */
export interface LeafCode {
  /** An expression: whether the value is there and as its type demands. */
  readonly check: string;
  /** Texts, and expressions for texts, in a row. */
  readonly text: readonly ({ readonly text: string } | { readonly code: string })[];
}

/** `parts` takes what the code needs of the type. The code may use `isPlain` and `escapeText`. */
export function leafCode(type: GraphQLLeafType, variable: string, parts: unknown[]): LeafCode {
  if (isEnumType(type)) {
    const texts = new Map(type.getValues().map(({ name }) => [name, JSON.stringify(name)]));
    const known = `parts[${parts.push(texts) - 1}].get(${variable})`;
    return { check: `${known} !== undefined`, text: [{ code: known }] };
  }
  switch (type.name) {
    case 'String':
    case 'ID': {
      const content = `(isPlain ? ${variable} : escapeText(${variable}))`;
      return { check: `typeof ${variable} === 'string'`, text: [{ text: '"' }, { code: content }, { text: '"' }] };
    }
    case 'Int':
      return { check: `(${variable} | 0) === ${variable}`, text: [{ code: variable }] };
    case 'Float':
      return {
        check: `typeof ${variable} === 'number' && ${variable} - ${variable} === 0`,
        text: [{ code: variable }],
      };
    case 'Boolean':
      return { check: `typeof ${variable} === 'boolean'`, text: [{ code: variable }] };
    default:
      return {
        check: `${variable} !== null && ${variable} !== undefined`,
        text: [{ code: `JSON.stringify(${variable})` }],
      };
  }
}
