/**
 * The refusals a subgraph may answer with, and the mask for everything else.
 * In: what a resolver threw. Out: GraphQL errors with a code. Never lets an unexpected message, a stack or SQL out.
 */
import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Log } from '../../src/telemetry/log';

export type SubgraphErrorCode = 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'BAD_USER_INPUT' | 'CONFLICT';

/** A refusal whose message the client may read: `throw refusal('NOT_FOUND', 'There is no such user.')`. */
export function refusal(
  code: SubgraphErrorCode,
  message: string,
  extensions: Readonly<Record<string, unknown>> = {},
): GraphQLError {
  return new GraphQLError(message, { extensions: { ...extensions, code } });
}

export const unauthenticated = (message = 'Sign in first.'): GraphQLError => refusal('UNAUTHENTICATED', message);
export const forbidden = (message = 'You may not do this.'): GraphQLError => refusal('FORBIDDEN', message);
export const notFound = (message = 'There is no such thing.'): GraphQLError => refusal('NOT_FOUND', message);
export const conflict = (message: string): GraphQLError => refusal('CONFLICT', message);

/** `argument` names the offending input as a client wrote it: `input.email`. */
export function badUserInput(message: string, argument?: string): GraphQLError {
  return refusal('BAD_USER_INPUT', message, argument === undefined ? {} : { argument });
}

/** Whether an error of the system or of a library has this code: `ENOENT`, `23505`. */
export function hasCode(error: unknown, ...codes: string[]): error is { readonly code: string } {
  // Not `instanceof Error`: errors of Node itself are of another realm where tests run.
  return typeof error === 'object' && error !== null && 'code' in error && codes.some((code) => code === error.code);
}

/** What a log may say of an error: database errors carry rows and connections, of which it may not. */
export function loggable(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { type: typeof error };
  return { type: error.name, cause: error.message, stack: error.stack, ...('code' in error && { code: error.code }) };
}

/**
 * The `formatError` of every subgraph's Apollo Server. Passes refusals and GraphQL's own request errors on;
 * masks the rest as `INTERNAL_SERVER_ERROR` and writes it to the log.
 */
export function createErrorMask(log: Log): (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError {
  return (formatted, error) => {
    const original = unwrapResolverError(error);
    const code = formatted.extensions?.code;
    if (original instanceof GraphQLError && typeof code === 'string' && code !== 'INTERNAL_SERVER_ERROR') {
      return formatted;
    }
    log.error({ ...loggable(original), path: formatted.path }, 'A resolver failed unexpectedly');
    return {
      message: 'Internal server error',
      ...(formatted.locations && { locations: formatted.locations }),
      ...(formatted.path && { path: formatted.path }),
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    };
  };
}
