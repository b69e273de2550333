/**
 * Which subgraph answered a value: for errors that say that it is not what the schema allows. In: what was asked of whom,
 * and where the value stands. Out: a name. Clock: per document (what is asked), per error (who it was).
 */
import { namesOf } from './data';
import type { ExpectedField } from './failures';

/** What one fetch asks. */
export interface AskedFields {
  readonly subgraph: string;
  /** Where its objects are: travelling names, `@` for the items of a list and conditions on types. */
  readonly path: readonly string[];
  /** On each of its objects. */
  readonly expected: readonly ExpectedField[];
}

/** `path`: travelling names from the root. Undefined where several were asked for it, or none. */
export function answererOf(fetches: readonly AskedFields[], path: readonly string[]): string | undefined {
  const asked = new Set(fetches.filter((fetch) => asksFor(fetch, path)).map(({ subgraph }) => subgraph));
  const [first, ...others] = asked;
  return others.length === 0 ? first : undefined;
}

function asksFor({ path, expected }: AskedFields, wanted: readonly string[]): boolean {
  const start = namesOf(path);
  if (start.length >= wanted.length || start.some((name, index) => name !== wanted[index])) return false;
  let fields: readonly ExpectedField[] | undefined = expected;
  for (const name of wanted.slice(start.length)) {
    const field: ExpectedField | undefined = fields?.find((one) => one.name === name);
    if (field === undefined) return false;
    fields = field.selection;
  }
  return true;
}
