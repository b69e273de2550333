import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_FILE_BYTES } from '../../subgraphs/content/form';
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { IDENTITY_HEADER, signIdentity } from '../../subgraphs/shared/identity';
import { nobody, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';
import { testKey } from './shared-call';

/** Files of users. Real: HTTP, Postgres, the disk. Observed: answers, and what is left in the directory. */
const directory = join(mkdtempSync(join(tmpdir(), 'supergate-files-')), 'uploads');
let content: TestSubgraph;
beforeAll(async () => {
  content = await startTestSubgraph(createContentSubgraph({ UPLOADS_DIR: directory }));
});
afterAll(async () => {
  await content.close();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  const kept = await content.db.query<{ id: string }>('select id from files');
  const left = existsSync(directory) ? readdirSync(directory) : [];
  expect(left.sort()).toEqual(kept.map(({ id }) => id).sort());
});

const as = (caller = user(3)) => ({ [IDENTITY_HEADER]: signIdentity(caller, testKey) });
const png = (bytes = 100) => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(bytes - 8, 1)]);

function formOf(file: Buffer, { name = 'a.png', type = 'image/png', field = 'file' } = {}): FormData {
  const form = new FormData();
  form.set(field, new Blob([Uint8Array.from(file)], { type }), name);
  return form;
}

const send = (body: FormData | string, headers: Record<string, string> = as()) =>
  fetch(`${content.url}/files`, { method: 'POST', headers, body });
const codeOf = async (answer: Promise<Response>) => {
  const response = await answer;
  return [response.status, ((await response.json()) as { code: string }).code];
};

describe('a file', () => {
  it('is kept, described, and answered to whoever has its id', async () => {
    const file = png(200_000);
    const taken = await send(formOf(file, { name: '../x/Ein Bild (1)’.png' }));
    const sha256 = createHash('sha256').update(file).digest('hex');
    const told = (await taken.json()) as { id: string };
    expect([taken.status, told]).toEqual([
      201,
      { id: expect.any(String), name: 'Ein Bild (1)’.png', contentType: 'image/png', bytes: 200_000, sha256 },
    ]);
    const answer = await fetch(`${content.url}/files/${told.id}`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(file)).toBe(true);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': '200000',
      'content-disposition': "attachment; filename*=UTF-8''Ein%20Bild%20%281%29%E2%80%99.png",
      etag: `"${sha256}"`,
    });
    const again = await fetch(`${content.url}/files/${told.id}`, { headers: { 'if-none-match': `"${sha256}"` } });
    expect(again.status).toBe(304);
  });

  it('may be as large as is allowed, and no byte larger', async () => {
    expect((await send(formOf(png(MAX_FILE_BYTES - 1)))).status).toBe(201);
    expect(await codeOf(send(formOf(png(MAX_FILE_BYTES + 1))))).toEqual([413, 'FILE_TOO_LARGE']);
  });

  it.each(['', 'x', '..', '%2e%2e', '00000000-0000-4000-8000-000000000000', '..%2f..%2fetc%2fpasswd'])(
    'of the id "%s" is not there',
    async (id) => {
      expect(await codeOf(fetch(`${content.url}/files/${id}`))).toEqual(
        id === '' || id === '..' || id === '%2e%2e' ? [404, undefined] : [404, 'NOT_FOUND'],
      );
    },
  );

  it('that the disk has lost is not there', async () => {
    const { id } = (await (await send(formOf(png()))).json()) as { id: string };
    rmSync(join(directory, id));
    expect(await codeOf(fetch(`${content.url}/files/${id}`))).toEqual([404, 'NOT_FOUND']);
    await content.db.query('delete from files where id = $1', [id]);
  });
});

describe('a form', () => {
  const boundary = 'b';
  const typed = { ...as(), 'content-type': `multipart/form-data; boundary=${boundary}` };
  const part = (name: string, value: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const two = () => {
    const form = formOf(png());
    form.append('file', new Blob([Uint8Array.from(png())], { type: 'image/png' }), 'b.png');
    return form;
  };

  it.each<[string, () => Promise<Response>, unknown[]]>([
    ['of nobody', () => send(formOf(png()), as(nobody as never)), [401, 'UNAUTHENTICATED']],
    ['without the gateway', () => send(formOf(png()), {}), [401, 'UNAUTHENTICATED']],
    ['of another type', () => send(formOf(png(), { type: 'text/html' })), [415, 'TYPE_NOT_ALLOWED']],
    [
      'that lies about its type',
      () => send(formOf(Buffer.from('<script>alert(1)</script>'))),
      [415, 'TYPE_NOT_ALLOWED'],
    ],
    ['that is shorter than its type', () => send(formOf(Buffer.from('89504e', 'hex'))), [415, 'TYPE_NOT_ALLOWED']],
    ['in another field', () => send(formOf(png(), { field: 'other' })), [400, 'BAD_FORM']],
    ['with two files', () => send(two()), [400, 'BAD_FORM']],
    ['that is no form', () => send('{}', { ...as(), 'content-type': 'application/json' }), [400, 'BAD_FORM']],
    ['without a boundary', () => send('x', { ...as(), 'content-type': 'multipart/form-data' }), [400, 'BAD_FORM']],
    ['without a file', () => send(`${part('a', 'b')}--b--\r\n`, typed), [400, 'BAD_FORM']],
    ['that does not end', () => send(part('a', 'b'), typed), [400, 'BAD_FORM']],
    ['of a thousand parts', () => send(`${part('a', 'b').repeat(1_000)}--b--\r\n`, typed), [400, 'BAD_FORM']],
    ['of nothing', () => send('', typed), [400, 'BAD_FORM']],
    [
      'with endless headers',
      () =>
        send(
          `--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nX: ${'y'.repeat(500_000)}\r\n\r\nz\r\n--b--\r\n`,
          typed,
        ),
      [415, 'TYPE_NOT_ALLOWED'],
    ],
  ])('%s is refused, and nothing of it stays', async (_name, ask, expected) => {
    expect(await codeOf(ask())).toEqual(expected);
  });

  it('whose sender leaves half-way leaves nothing', async () => {
    const { hostname, port } = new URL(content.url);
    const socket = connect(Number(port), hostname);
    const headers = Object.entries(as()).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(
      `POST /files HTTP/1.1\r\nhost: a\r\n${headers.join('')}content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000\r\n\r\n` +
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n',
    );
    socket.write(png(50_000));
    const drafts = () => (existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.part')) : []);
    while (drafts().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    while (drafts().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
