/**
 * Variables as sent -> checked against the operation. Clock: per request.
 * Subgraphs get the values as the client sent them (they coerce again); the coerced ones decide conditions.
 */
import { type GraphQLSchema, getVariableValues } from 'graphql';
import { ClientError } from '../errors';
import { asClientError, type Operation, type Refused } from './document';

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

/** Coerces by the specification (section 6.1.2). Code: `BAD_USER_INPUT`. */
export function checkVariables(
  schema: GraphQLSchema,
  operation: Operation,
  raw: RawVariables,
): CheckedVariables | Refused {
  const definitions = operation.node.variableDefinitions;
  if (!definitions || definitions.length === 0)
    return { kind: 'checked', raw: noVariables, coerced: noVariables, conditions: '' };
  const result = getVariableValues(schema, definitions, raw, { maxErrors });
  if (result.errors) {
    const errors: ClientError[] = result.errors.map((error) => asClientError(error, 'BAD_USER_INPUT'));
    return { kind: 'refused', errors };
  }
  const { coerced } = result;
  // `$if: Boolean = true` may stand where `Boolean!` is asked, and be null all the same (specification 5.8.5).
  const nullCondition = operation.conditionVariables.find((name) => coerced[name] === null);
  if (nullCondition !== undefined) {
    const message = `Variable "$${nullCondition}" decides a condition and must not be null.`;
    return { kind: 'refused', errors: [new ClientError('BAD_USER_INPUT', message)] };
  }
  let conditions = '';
  for (const name of operation.conditionVariables) conditions += coerced[name] === true ? 't' : 'f';
  return { kind: 'checked', raw, coerced, conditions };
}

const noVariables: RawVariables = Object.freeze({});
