/**
 * Variables as sent -> checked against the operation. Clock: per request.
 * Subgraphs get the values as the client sent them (they coerce again); the coerced ones decide conditions.
 */
import { type GraphQLError, type GraphQLSchema, getVariableValues, Kind, type VariableDefinitionNode } from 'graphql';
import { ClientError } from '../errors';
import { DocumentError, type Operation, type Refused, shorten } from './document';
import { readSimpleVariables } from './simple-variables';

export type RawVariables = Readonly<Record<string, unknown>>;

export interface CheckedVariables {
  readonly kind: 'checked';
  readonly raw: RawVariables;
  readonly coerced: Readonly<Record<string, unknown>>;
  /** The values of the operation's condition variables, as one string: `tf` for `[true, false]`. */
  readonly conditions: string;
}

/** Checking stops after this many errors, so that a long list of wrong items costs little and answers little. */
const maxErrors = 20;
/** Lists and objects in one value: coercion, and the body of a subgraph request, recurse on the stack. */
const maxDepth = 200;

/** Coerces by the specification (section 6.1.2). Codes: `BAD_USER_INPUT`, `MAX_VARIABLE_VALUES_LIMIT`. */
export function checkVariables(
  schema: GraphQLSchema,
  operation: Operation,
  raw: RawVariables,
): CheckedVariables | Refused {
  const { definitions, simple, suggestions, maxValues } = operation.variables;
  if (definitions.length === 0) return { kind: 'checked', raw: noVariables, coerced: noVariables, conditions: '' };
  if (hasMoreValues(definitions, raw, maxValues)) return tooManyValues(maxValues);
  const values = simple && readSimpleVariables(simple, raw);
  if (values) return decideConditions(operation, raw, values);
  for (const { variable } of definitions) {
    const name = variable.name.value;
    if (Object.hasOwn(raw, name) && isNestedDeeper(raw[name], maxDepth)) {
      return refuse(operation, name, `Variable "$${name}" is nested deeper than ${maxDepth} levels.`);
    }
  }
  const result = getVariableValues(schema, definitions, raw, { maxErrors, hideSuggestions: !suggestions });
  if (result.errors) return { kind: 'refused', errors: result.errors.map((error) => describe(operation, error)) };
  return decideConditions(operation, raw, result.coerced);
}

function decideConditions(
  operation: Operation,
  raw: RawVariables,
  coerced: CheckedVariables['coerced'],
): CheckedVariables | Refused {
  // `$if: Boolean = true` may stand where `Boolean!` is asked, and be null all the same (specification 5.8.5).
  let conditions = '';
  for (const name of operation.conditionVariables) {
    if (coerced[name] === null) {
      return refuse(operation, name, `Variable "$${name}" decides a condition and must not be null.`);
    }
    conditions += coerced[name] === true ? 't' : 'f';
  }
  return { kind: 'checked', raw, coerced, conditions };
}

const noVariables: RawVariables = Object.freeze({});

function hasMoreValues(definitions: readonly VariableDefinitionNode[], raw: RawVariables, limit: number): boolean {
  let left = limit;
  for (const { variable } of definitions) {
    const name = variable.name.value;
    const value = Object.hasOwn(raw, name) ? raw[name] : undefined;
    if (typeof value === 'object' && value !== null) left = countDown(value, left, maxDepth);
    if (left < 0) return true;
  }
  return false;
}

/** What is left when the values in `value` are taken; negative as soon as there are more. Deeper ones do not count. */
function countDown(value: object, left: number, levels: number): number {
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let rest = left - items.length;
  for (const item of items) {
    if (rest < 0) return rest;
    if (typeof item === 'object' && item !== null && levels > 0) rest = countDown(item, rest, levels - 1);
  }
  return rest;
}

function tooManyValues(limit: number): Refused {
  const message = `The variables hold more than the ${limit} values that are allowed.`;
  return { kind: 'refused', errors: [new ClientError('MAX_VARIABLE_VALUES_LIMIT', message)] };
}

function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    if (isNestedDeeper(item, levels - 1)) return true;
  }
  return false;
}

function refuse(operation: Operation, variable: string, message: string): Refused {
  const location = operation.variables.locations.get(variable);
  return {
    kind: 'refused',
    errors: [new DocumentError('BAD_USER_INPUT', shorten(message), location && [location])],
  };
}

function describe(operation: Operation, { message, nodes }: GraphQLError): DocumentError {
  const [node] = nodes ?? [];
  const name = node?.kind === Kind.VARIABLE_DEFINITION ? node.variable.name.value : undefined;
  const location = name === undefined ? undefined : operation.variables.locations.get(name);
  return new DocumentError('BAD_USER_INPUT', shorten(message), location && [location]);
}
