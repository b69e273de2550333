/**
 * JSON text from a client, in; a value that the later steps can bear, out. Clock: per request.
 * `JSON.parse` takes what they cannot: nesting deeper than a stack, and names that are given twice.
 */
import { ClientError } from '../errors';

/** Whoever walks or prints a value recurses; no honest one comes near this. */
const maxDepth = 500;

/**
 * Parses JSON. Throws BAD_REQUEST when it is malformed, nested deeper than 500, or names one of `once` twice at its
 * top level. `what` begins the message: `The body`.
 */
export function parseJson(json: string, what: string, once: readonly string[] = []): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own message quotes the text, and differs from one version of Node to the next.
    throw new ClientError('BAD_REQUEST', `${what} is not valid JSON.`);
  }
  if (typeof value === 'object' && value !== null) checkShape(json, what, once);
  return value;
}

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;

/** Walks valid JSON text once. It jumps over strings, so that a long document costs next to nothing. */
function checkShape(json: string, what: string, once: readonly string[]): void {
  const seen: string[] = [];
  let depth = 0;
  let atKey = false;
  for (let index = 0; index < json.length; index++) {
    switch (json.charCodeAt(index)) {
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > maxDepth) throw new ClientError('BAD_REQUEST', `${what} is nested deeper than ${maxDepth}.`);
        atKey = depth === 1;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case comma:
        atKey = depth === 1;
        break;
      case quote: {
        const end = endOfString(json, index);
        const key = atKey ? keyName(json.slice(index, end + 1)) : '';
        if (seen.includes(key)) throw new ClientError('BAD_REQUEST', `${what} gives "${key}" twice.`);
        if (once.includes(key)) seen.push(key);
        atKey = false;
        index = end;
      }
    }
  }
}

function keyName(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

/** The index of the quote that ends the string which begins at `start`: one after an even number of backslashes. */
function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end;
}

function isEscaped(json: string, position: number): boolean {
  let first = position;
  while (json.charCodeAt(first - 1) === backslash) first--;
  return (position - first) % 2 === 1;
}
