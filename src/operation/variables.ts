/**
 * Variables as sent -> checked against the operation. Clock: per request.
 * Subgraphs get the values as the client sent them (they coerce again); the coerced ones decide conditions.
 */
import { type GraphQLError, type GraphQLSchema, getVariableValues, Kind } from 'graphql';
import { DocumentError, type Operation, type Refused, shorten } from './document';

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

/** Coerces by the specification (section 6.1.2). Code: `BAD_USER_INPUT`. */
export function checkVariables(
  schema: GraphQLSchema,
  operation: Operation,
  raw: RawVariables,
): CheckedVariables | Refused {
  const { definitions, suggestions } = operation.variables;
  if (definitions.length === 0) return { kind: 'checked', raw: noVariables, coerced: noVariables, conditions: '' };
  for (const { variable } of definitions) {
    const name = variable.name.value;
    if (Object.hasOwn(raw, name) && isNestedDeeper(raw[name], maxDepth)) {
      return refuse(operation, name, `Variable "$${name}" is nested deeper than ${maxDepth} levels.`);
    }
  }
  const result = getVariableValues(schema, definitions, raw, { maxErrors, hideSuggestions: !suggestions });
  if (result.errors) return { kind: 'refused', errors: result.errors.map((error) => describe(operation, error)) };
  const { coerced } = result;
  // `$if: Boolean = true` may stand where `Boolean!` is asked, and be null all the same (specification 5.8.5).
  const nullCondition = operation.conditionVariables.find((name) => coerced[name] === null);
  if (nullCondition !== undefined) {
    return refuse(operation, nullCondition, `Variable "$${nullCondition}" decides a condition and must not be null.`);
  }
  let conditions = '';
  for (const name of operation.conditionVariables) conditions += coerced[name] === true ? 't' : 'f';
  return { kind: 'checked', raw, coerced, conditions };
}

const noVariables: RawVariables = Object.freeze({});

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
