/**
 * A leaf type -> the code that checks and writes one value of it: a part of what `response-writer.ts` generates.
 * Clock: per document. Nothing of a document or schema enters the code but through `parts`.
 */
import { type GraphQLLeafType, isEnumType } from 'graphql';

/** How a value in a variable is checked and written. */
export interface LeafCode {
  /** An expression: whether the value is there and as its type demands. */
  readonly check: string;
  readonly text: readonly TextPiece[];
}

/** A text, an expression for one, or one for `true` or `false`. */
export type TextPiece = { readonly text: string } | { readonly code: string } | { readonly isTrue: string };

/** An expression for pieces in a row: what is known before is written as few literals as can be. */
export function concatenation(pieces: readonly TextPiece[]): string {
  const codes: string[] = [];
  let literal: Literal = { condition: undefined, yes: '', no: '' };
  const end = () => {
    const [yes, no] = [JSON.stringify(literal.yes), JSON.stringify(literal.no)];
    if (literal.condition !== undefined) codes.push(`(${literal.condition} ? ${yes} : ${no})`);
    else if (literal.yes !== '') codes.push(yes);
    literal = { condition: undefined, yes: '', no: '' };
  };
  for (const piece of pieces) {
    if ('text' in piece) {
      literal.yes += piece.text;
      literal.no += piece.text;
    } else if ('isTrue' in piece) {
      if (literal.condition !== undefined) end();
      literal = { condition: piece.isTrue, yes: `${literal.yes}true`, no: `${literal.no}false` };
    } else {
      end();
      codes.push(piece.code);
    }
  }
  end();
  return codes.join(' + ');
}

/** Text that is known but for one condition. */
interface Literal {
  readonly condition: string | undefined;
  yes: string;
  no: string;
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
      return { check: `typeof ${variable} === 'boolean'`, text: [{ isTrue: variable }] };
    default:
      return {
        check: `${variable} !== null && ${variable} !== undefined`,
        text: [{ code: `JSON.stringify(${variable})` }],
      };
  }
}
