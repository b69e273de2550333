/**
 * The value at a path into the arguments of a field, as the field would get it. Clock: per request.
 */
import { type FieldNode, type GraphQLField, Kind, valueFromAST } from 'graphql';

/**
 * `['input', 'email']` of `login(input: { email: "a" })` is `"a"`; undefined for what is absent and has no default.
 * `variables`: coerced.
 */
export function argumentValue(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  [first, ...steps]: readonly string[],
  variables: Readonly<Record<string, unknown>>,
): unknown {
  const definition = field.args.find(({ name }) => name === first);
  if (!definition) return undefined;
  const written = node.arguments?.find(({ name }) => name.value === first)?.value;
  const isAbsent = !written || (written.kind === Kind.VARIABLE && !Object.hasOwn(variables, written.name.value));
  let value = isAbsent ? definition.defaultValue : valueFromAST(written, definition.type, variables);
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

/** How much a call counts for the list at `path`: its length, at least 1. */
export function listLength(value: unknown): number {
  return Array.isArray(value) ? Math.max(1, value.length) : 1;
}
