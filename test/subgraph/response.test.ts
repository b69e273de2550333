import { SubgraphError } from '../../src/errors';
import { readResponse } from '../../src/subgraph/response';

const rules = { errorExtensions: ['retryAfter'], extensions: ['cost'] };
const read = (text: string, status = 200) => readResponse('users', status, text, rules);

function refusal(text: string, status = 200): SubgraphError {
  try {
    read(text, status);
  } catch (error) {
    return error as SubgraphError;
  }
  throw new Error('It was not refused.');
}

describe('reading the answer of a subgraph', () => {
  it('passes data as it is', () => {
    expect(read('{"data":{"user":{"id":"1","tags":[[1,null]]}}}')).toEqual({
      data: { user: { id: '1', tags: [[1, null]] } },
      isPlain: true,
    });
  });

  it('knows whether every string of it is written in JSON as it is', () => {
    for (const text of ['Ü 😀 \u2028', '</script>', '\u007f'])
      expect(read(JSON.stringify({ data: { text } })).isPlain).toBe(true);
    for (const text of ['"', '\\', '\n', '\u0000', '\ud800']) {
      expect(read(JSON.stringify({ data: { text } })).isPlain).toBe(false);
    }
    expect(read('{"data":{"text":"\\u00fc"}}').isPlain).toBe(false);
  });

  it('gives each caller data of its own', () => {
    const text = '{"data":{"user":{"id":"1"}}}';
    expect(read(text).data).not.toBe(read(text).data);
  });

  it('passes errors without data, and data null with errors', () => {
    expect(read('{"errors":[{"message":"No."}]}')).toMatchObject({ data: undefined, errors: [{ message: 'No.' }] });
    expect(read('{"data":null,"errors":[{"message":"No."}]}')).toMatchObject({
      data: null,
      errors: [{ message: 'No.' }],
    });
  });

  it('takes errors that are null or empty beside data for none', () => {
    expect(read('{"data":{},"errors":null}')).toEqual({ data: {}, isPlain: true });
    expect(read('{"data":{},"errors":[]}')).toEqual({ data: {}, isPlain: true });
  });

  it.each([
    ['', 'NOT_JSON'],
    ['<html>', 'NOT_JSON'],
    ['{"data":{"a":', 'NOT_JSON'],
    ['[]', 'NOT_AN_OBJECT'],
    ['null', 'NOT_AN_OBJECT'],
    ['"data"', 'NOT_AN_OBJECT'],
    ['{}', 'NEITHER_DATA_NOR_ERRORS'],
    ['{"data":null}', 'NEITHER_DATA_NOR_ERRORS'],
    ['{"errors":[]}', 'NEITHER_DATA_NOR_ERRORS'],
    ['{"data":"x"}', 'DATA_TYPE'],
    ['{"data":[]}', 'DATA_TYPE'],
    ['{"data":0}', 'DATA_TYPE'],
    ['{"data":false}', 'DATA_TYPE'],
    ['{"data":{},"errors":{}}', 'ERRORS_TYPE'],
    ['{"data":{},"errors":"no"}', 'ERRORS_TYPE'],
  ])('refuses %s', (text, reason) => {
    const error = refusal(text);
    expect(error).toBeInstanceOf(SubgraphError);
    expect(error).toMatchObject({ code: 'SUBREQUEST_MALFORMED_RESPONSE', subgraph: 'users', detail: { reason } });
  });

  it('lets nothing of the text into the message or the detail', () => {
    const error = refusal('{"secret":"hunter2",');
    expect(error.message + JSON.stringify(error.detail)).not.toContain('hunter2');
  });

  it('takes GraphQL errors from an answer whose HTTP status is one of failure', () => {
    expect(read('{"errors":[{"message":"No."}]}', 400).errors).toEqual([{ message: 'No.' }]);
    expect(read('{"data":{"a":null},"errors":[{"message":"No.","path":["a"]}]}', 500).data).toEqual({ a: null });
  });

  it.each(['{"data":{"user":null}}', '{"error":"x"}', 'oops', '{"errors":[]}'])(
    'names the HTTP status, not the body, as the failure of a 500 with %s',
    (text) => {
      expect(refusal(text, 500)).toMatchObject({ code: 'SUBREQUEST_HTTP_ERROR', detail: { status: 500 } });
    },
  );

  it('keeps of an error its message, its path, its code and the extensions that are listed', () => {
    const error = { message: 'No.', path: ['user', 0, 'id'], locations: [{ line: 1, column: 2 }] };
    const extensions = { code: 'DENIED', retryAfter: 3, stacktrace: ['at /srv/app.js'], serviceUrl: 'http://10.0.0.7' };
    expect(read(JSON.stringify({ data: {}, errors: [{ ...error, extensions }] })).errors).toEqual([
      { message: 'No.', path: ['user', 0, 'id'], extensions: { code: 'DENIED', retryAfter: 3 } },
    ]);
  });

  it('drops a code that is not a string, even if it is listed', () => {
    const text = '{"data":{},"errors":[{"message":"No.","extensions":{"code":{"host":"10.0.0.7"}}}]}';
    const { errors } = readResponse('users', 200, text, { errorExtensions: ['code'], extensions: [] });
    expect(errors).toEqual([{ message: 'No.' }]);
  });

  it.each(['"user"', '[{}]', '[null]', '[1.5]', '[-1]', '{}', `[${Array(501).fill(1).join()}]`])(
    'drops the path %.20s of an error and keeps the error',
    (path) => {
      expect(read(`{"data":{},"errors":[{"message":"No.","path":${path}}]}`).errors).toEqual([{ message: 'No.' }]);
    },
  );

  it.each(['{}', '"No."', 'null', '[]', '{"message":5}', '{"message":null}'])(
    'gives an error %s without a message one of ours',
    (error) => {
      const message = 'The subgraph reported an error without a message.';
      expect(read(`{"data":{},"errors":[${error}]}`).errors).toEqual([{ message }]);
    },
  );

  it('keeps the first hundred of thousands of errors', () => {
    const errors = Array.from({ length: 5_000 }, (_, i) => ({ message: `No. ${i}` }));
    const read100 = read(JSON.stringify({ data: {}, errors })).errors;
    expect(read100).toHaveLength(100);
    expect(read100?.[99]).toEqual({ message: 'No. 99' });
  });

  it('shortens a giant message, not through the middle of a character', () => {
    const message = `${'a'.repeat(1_999)}😀${'b'.repeat(1_000_000)}`;
    const shortened = read(JSON.stringify({ data: {}, errors: [{ message }] })).errors?.[0]?.message;
    expect(shortened).toBe(`${'a'.repeat(1_999)}...`);
  });

  it('passes those extensions of the response that are listed', () => {
    expect(read('{"data":{},"extensions":{"cost":7,"tracing":{}}}').extensions).toEqual({ cost: 7 });
    expect(read('{"data":{},"extensions":{"tracing":{}}}')).not.toHaveProperty('extensions');
    expect(read('{"data":{},"extensions":[1]}')).not.toHaveProperty('extensions');
  });

  it('reads own properties only', () => {
    // `__proto__` in JSON is an own key: were it taken for the prototype, data would be found there.
    expect(refusal('{"__proto__":{"data":{"user":1}}}')).toMatchObject({
      detail: { reason: 'NEITHER_DATA_NOR_ERRORS' },
    });
    const listed = { errorExtensions: ['toString', 'constructor'], extensions: ['toString', '__proto__'] };
    const text = '{"data":{},"errors":[{"message":"No.","extensions":{}}],"extensions":{}}';
    expect(readResponse('users', 200, text, listed)).toEqual({ data: {}, errors: [{ message: 'No.' }], isPlain: true });
  });

  it('leaves a key __proto__ an own property of plain data and touches no prototype', () => {
    const hostile = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    const extensions = '{"code":"X","retryAfter":{"__proto__":{"polluted":true}},"__proto__":{"polluted":true}}';
    const error = `{"message":"No.","extensions":${extensions},"__proto__":{"path":["x"]}}`;
    const { data, errors } = read(`{"data":{"user":${hostile}},"errors":[${error}],"extensions":${hostile}}`);

    const user = data?.user as object;
    expect(Object.getPrototypeOf(user)).toBe(Object.prototype);
    expect(Object.keys(user)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(errors?.[0]).not.toHaveProperty('path');
    expect(Object.keys(errors?.[0]?.extensions ?? {})).toEqual(['retryAfter', 'code']);
    expect(Object.getPrototypeOf(errors?.[0]?.extensions)).toBe(Object.prototype);
  });
});
