/** What every failure on the GraphQL path has in common, whatever it was. */
import { errorTable } from '../../src/errors';

export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Words of the fake door's secrets, of this machine, and of the libraries below us. */
const internals = [
  'postgres://',
  'hunter2',
  'db.internal',
  '/srv/',
  '127.0.0.1',
  'localhost',
  'node_modules',
  process.cwd(),
  'FST_',
  'HPE_',
  'ERR_',
  'stacktrace',
  'fastify',
  'SyntaxError',
  'Unexpected token',
];

/** The body is one GraphQL response with errors and their codes, and nothing of the inside is in it. */
export function expectRefusal(answer: Answer, status: number, code: string): void {
  expect({ status: answer.statusCode, body: answer.body }).toMatchObject({ status });
  expect(answer.headers['content-type']).toMatch(/^application\/(json|graphql-response\+json); charset=utf-8$/);
  expect(answer.headers['x-request-id']).toMatch(/^[\w.:-]{8,64}$/);
  const { errors, ...rest } = JSON.parse(answer.body) as {
    errors: { message: unknown; extensions: { code: string } }[];
  };
  expect(rest).toEqual({});
  expect(errors.length).toBeGreaterThan(0);
  for (const error of errors) {
    expect(typeof error.message).toBe('string');
    expect(Object.keys(errorTable)).toContain(error.extensions.code);
  }
  expect(errors[0]?.extensions.code).toBe(code);
  for (const word of internals) expect(answer.body).not.toContain(word);
  expect(answer.body).not.toMatch(/\bat .+:\d+:\d+/);
}
