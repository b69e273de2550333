/**
 * Variables whose types are built-in scalars, or lists of them, and whose values are already what coercion would make
 * of them: nearly all that clients send. In: definitions, values. Out: the values, or undefined where coercion must
 * decide: it alone knows defaults, other types and what is wrong. Clock: per document (compiled), per request (read).
 */
import { Kind, type TypeNode, type VariableDefinitionNode } from 'graphql';

export interface SimpleVariable {
  readonly name: string;
  /** Whether the operation may be sent without it, and knows no value of its own for it. */
  readonly mayBeAbsent: boolean;
  readonly accepts: Accepts;
}

type Accepts = (value: unknown) => boolean;

/** Compiles definitions; undefined when one of them needs coercion whatever its value. */
export function compileSimpleVariables(
  definitions: readonly VariableDefinitionNode[],
): readonly SimpleVariable[] | undefined {
  const compiled: SimpleVariable[] = [];
  for (const { variable, type, defaultValue } of definitions) {
    const name = variable.name.value;
    const accepts = compileType(type);
    if (!accepts || name === '__proto__') return undefined;
    compiled.push({ name, accepts, mayBeAbsent: type.kind !== Kind.NON_NULL_TYPE && defaultValue === undefined });
  }
  return compiled;
}

/** The values of the variables that were sent. */
export function readSimpleVariables(
  variables: readonly SimpleVariable[],
  raw: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | undefined {
  const values: Record<string, unknown> = {};
  for (const { name, mayBeAbsent, accepts } of variables) {
    if (Object.hasOwn(raw, name)) {
      const value = raw[name];
      if (!accepts(value)) return undefined;
      values[name] = value;
    } else if (!mayBeAbsent) return undefined;
  }
  return values;
}

function compileType(type: TypeNode): Accepts | undefined {
  if (type.kind === Kind.NON_NULL_TYPE) return compilePresent(type.type);
  const present = compilePresent(type);
  return present && ((value) => value === null || present(value));
}

function compilePresent(type: Exclude<TypeNode, { kind: Kind.NON_NULL_TYPE }>): Accepts | undefined {
  if (type.kind === Kind.NAMED_TYPE) return scalars.get(type.name.value);
  const item = compileType(type.type);
  return item && ((value) => Array.isArray(value) && value.every(item));
}

/** Values that their type's coercion returns as they are. */
const scalars: ReadonlyMap<string, Accepts> = new Map<string, Accepts>([
  ['String', (value) => typeof value === 'string'],
  ['ID', (value) => typeof value === 'string'],
  ['Boolean', (value) => typeof value === 'boolean'],
  ['Int', (value) => typeof value === 'number' && (value | 0) === value],
  ['Float', (value) => typeof value === 'number' && Number.isFinite(value)],
]);
