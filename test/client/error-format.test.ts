import { GraphQLError } from 'graphql';
import { codeOf, formatErrors, headersOf, statusOf } from '../../src/client/error-format';
import { ClientError, errorTable, InternalError, SubgraphError } from '../../src/errors';

function createSink() {
  const logged: Record<string, unknown>[] = [];
  const swallow = () => {};
  return {
    id: 'request-1',
    logged,
    log: { error: (fields: object) => logged.push({ ...fields }), warn: swallow, info: swallow, debug: swallow },
  };
}

const format = (error: unknown) => formatErrors([error], createSink())[0];
const masked = {
  message: 'Internal server error',
  extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'request-1' },
};

describe('an error', () => {
  it.each(Object.entries(errorTable))('of code %s has the status of the table', (code, { httpStatus }) => {
    expect(statusOf([new ClientError(code as keyof typeof errorTable, 'no')])).toBe(httpStatus);
  });

  it('of the client is shown with its code and extensions', () => {
    const error = new ClientError('MAX_DEPTH_LIMIT', 'too deep', { extensions: { limit: 20 } });
    expect(format(error)).toEqual({ message: 'too deep', extensions: { code: 'MAX_DEPTH_LIMIT', limit: 20 } });
  });

  it('of a subgraph is shown in our words, without its detail', () => {
    const error = new SubgraphError('GATEWAY_TIMEOUT', 'users', 'The subgraph users was late.', {
      url: 'http://10.0.0.7/',
    });
    expect(format(error)).toEqual({
      message: 'The subgraph users was late.',
      extensions: { code: 'GATEWAY_TIMEOUT', serviceName: 'users' },
    });
  });

  it('of a subgraph, located by the engine, keeps the path and the words of the engine', () => {
    const cause = new SubgraphError('GATEWAY_TIMEOUT', 'users', 'late');
    const error = new GraphQLError('The subgraph users was late.', { path: ['me', 'name'], originalError: cause });
    expect(format(error)).toEqual({
      message: 'The subgraph users was late.',
      path: ['me', 'name'],
      extensions: { code: 'GATEWAY_TIMEOUT', serviceName: 'users' },
    });
    expect(codeOf(error)).toBe('GATEWAY_TIMEOUT');
  });

  it('of the engine is shown with the code it has, or INTERNAL_SERVER_ERROR', () => {
    expect(format(new GraphQLError('a null', { path: ['a', 0] }))).toEqual({
      message: 'a null',
      path: ['a', 0],
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    });
  });

  it.each<[string, unknown]>([
    ['an InternalError', new InternalError('/srv/secret.js')],
    ['a TypeError', new TypeError("Cannot read properties of undefined (reading 'secret')")],
    ['a string', 'secret'],
    ['undefined', undefined],
    ['an error with a code of Node', Object.assign(new Error('connect secret'), { code: 'ECONNREFUSED' })],
    ['a GraphQLError around a TypeError', new GraphQLError('secret', { originalError: new TypeError('secret') })],
    [
      'a GraphQLError around a GraphQLError around an InternalError',
      new GraphQLError('secret', {
        originalError: new GraphQLError('secret', { originalError: new InternalError('secret') }),
      }),
    ],
  ])('that is %s is masked, and logged under its request', (_name, error) => {
    const sink = createSink();
    expect(formatErrors([error], sink)).toEqual([masked]);
    expect(sink.logged).toHaveLength(1);
    expect(sink.logged[0]).toMatchObject({ id: 'request-1' });
  });

  it('that is masked keeps its path', () => {
    const error = new GraphQLError('secret', { path: ['a', 1], originalError: new InternalError('secret') });
    expect(format(error)).toEqual({ ...masked, path: ['a', 1] });
  });

  it('whose causes form a ring is masked', () => {
    const error = new GraphQLError('secret');
    Object.defineProperty(error, 'originalError', { value: error });
    expect(format(error)).toEqual(masked);
  });

  it('loses stack traces and HTTP instructions that were put into its extensions', () => {
    const extensions = { code: 'X', stacktrace: ['at a.js:1:1'], exception: {}, http: { status: 403 }, kept: 1 };
    expect(format(new GraphQLError('no', { extensions }))?.extensions).toEqual({ code: 'X', kept: 1 });
  });

  it('whose message is long is cut', () => {
    expect(format(new ClientError('BAD_REQUEST', 'x'.repeat(1_000_000)))?.message).toHaveLength(1_001);
  });

  it('may ask for headers', () => {
    expect(headersOf(new ClientError('METHOD_NOT_ALLOWED', 'no', { headers: { allow: 'POST' } }))).toEqual({
      allow: 'POST',
    });
    expect(headersOf(new ClientError('UNAUTHENTICATED', 'no'))).toEqual({ 'www-authenticate': 'Bearer' });
    expect(headersOf(new Error('no'))).toEqual({});
  });
});

describe('thousands of errors', () => {
  it('are cut to a hundred and a note', () => {
    const errors = Array.from({ length: 20_000 }, (_, index) => new ClientError('BAD_USER_INPUT', `wrong ${index}`));
    const formatted = formatErrors(errors, createSink());
    expect(formatted).toHaveLength(101);
    expect(formatted[100]).toEqual({
      message: '19900 more errors are not shown.',
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  it('of the largest kind stay under a megabyte', () => {
    const errors = Array.from({ length: 20_000 }, () => new ClientError('BAD_USER_INPUT', '\u0001'.repeat(10_000)));
    expect(JSON.stringify(formatErrors(errors, createSink())).length).toBeLessThan(1_000_000);
  });
});
