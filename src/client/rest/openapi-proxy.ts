/**
 * What the OpenAPI document says of a route that a subgraph answers itself: what the configuration knows of it.
 * Clock: per supergraph.
 */
import type { ProxyRoute } from './routes';

type Json = Readonly<Record<string, unknown>>;

const anyBytes: Json = { type: 'string', format: 'binary' };
/** Generators know a file in a form by this. */
const form: Json = { type: 'object', required: ['file'], properties: { file: anyBytes } };

/** The operation of one route. `signIns`: the ways to sign in. `tooMany`: the answer to who asks too often. */
export function describeProxy(route: ProxyRoute, signIns: readonly Json[], tooMany: Json): Json {
  const { name, description, parts, parameters, requestHeaders, contentTypes, responseType } = route;
  const text = { schema: { type: 'string' } };
  const inPath = parts.flatMap((part) =>
    part.kind === 'variable' ? [{ name: part.name, in: 'path', required: true, ...text }] : [],
  );
  const inQuery = parameters.map((parameter) => ({ name: parameter, in: 'query', ...text }));
  const inHeader = requestHeaders.map((header) => ({ name: header, in: 'header', ...text }));
  const isJson = responseType === 'application/json';
  return {
    operationId: name
      .toLowerCase()
      .replace(/\W+(\w)?/g, (_match, next: string | undefined) => next?.toUpperCase() ?? ''),
    summary: description ?? name,
    ...(needsSignIn(route) && { security: signIns }),
    parameters: [...inPath, ...inQuery, ...inHeader],
    ...(contentTypes.length > 0 && { requestBody: { required: true, content: contentOf(contentTypes) } }),
    responses: {
      '2XX': { description: 'Success.', content: { [responseType]: { schema: isJson ? {} : anyBytes } } },
      429: tooMany,
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

export const needsSignIn = ({ authenticated, audience }: ProxyRoute) => authenticated || audience !== undefined;

function contentOf(types: readonly string[]): Json {
  const schemaOf = (type: string) => {
    if (type === 'multipart/form-data') return form;
    return type === 'application/json' ? {} : anyBytes;
  };
  return Object.fromEntries(types.map((type) => [type, { schema: schemaOf(type) }]));
}
