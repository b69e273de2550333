/** The door for operators. Real: HTTP on a loopback port. Observed: who is let in, and what routes are handed. */
import { request as httpRequest } from 'node:http';
import { type AdminDoor, type AdminRoute, createAdminDoor } from '../../src/client/admin';
import type { LogLine } from './http-server';

const token = 'correct-horse-battery-staple-correct';
const lines: Partial<LogLine>[] = [];
const write = (fields: object, message: string) => void lines.push({ ...fields, message });
const log = { error: write, warn: write, info: write, debug: write };
const seen: unknown[] = [];
const routes: readonly AdminRoute[] = [
  { method: 'GET', path: '/word', summary: 'A word.', handle: () => ({ json: { word: 'yes' } }) },
  {
    method: 'PUT',
    path: '/word',
    summary: 'Takes a word.',
    handle({ body, query }) {
      seen.push({ body, force: query.get('force') });
      return { status: 202, json: {} };
    },
  },
  { method: 'POST', path: '/word', summary: 'Adds.', isForInstances: true, handle: () => ({ json: 'added' }) },
  { method: 'GET', path: '/text', summary: 'Text.', handle: () => ({ text: 'a 1\n', contentType: 'text/plain' }) },
  {
    method: 'POST',
    path: '/broken',
    summary: 'Fails.',
    handle: () => Promise.reject(new Error('secret of the inside')),
  },
];
const doors: AdminDoor[] = [];
afterAll(() => Promise.all(doors.map((door) => door.close())));

async function open(withToken: string | undefined, registrationToken?: string): Promise<string> {
  const door = createAdminDoor({ routes, token: withToken, registrationToken, log });
  doors.push(door);
  return door.listen(0, '127.0.0.1');
}

/** Sends any headers: `fetch` would not. */
function ask(url: string, options: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const request = httpRequest(url, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('the door for operators', () => {
  it('answers JSON and text, and lists its routes', async () => {
    const url = await open(undefined);
    expect(JSON.parse((await ask(`${url}/word`)).text)).toEqual({ word: 'yes' });
    expect((await ask(`${url}/text`)).text).toBe('a 1\n');
    const listed = JSON.parse((await ask(url)).text);
    expect(listed).toHaveLength(routes.length);
    expect(listed[0]).toEqual({ method: 'GET', path: '/word', summary: 'A word.' });
  });

  it('hands a route the JSON of the body and what follows the question mark', async () => {
    const url = await open(undefined);
    expect((await ask(`${url}/word?force=yes`, { method: 'PUT', body: '{"a":1}' })).status).toBe(202);
    expect((await ask(`${url}/word`, { method: 'PUT' })).status).toBe(202);
    expect(seen).toEqual([
      { body: { a: 1 }, force: 'yes' },
      { body: undefined, force: null },
    ]);
  });

  it('refuses what it does not know, what is no JSON, and what is too long', async () => {
    const url = await open(undefined);
    expect((await ask(`${url}/nothing`)).status).toBe(404);
    expect(await ask(`${url}/word`, { method: 'DELETE' })).toMatchObject({
      status: 405,
      text: expect.stringContaining('GET or PUT or POST'),
    });
    expect((await ask(`${url}/word`, { method: 'PUT', body: '{' })).status).toBe(400);
    expect((await ask(`${url}/word`, { method: 'PUT', body: `"${'x'.repeat(1_000_000)}"` })).status).toBe(413);
  });

  it('tells the log, and not the caller, why an endpoint failed', async () => {
    const url = await open(undefined);
    const { status, text } = await ask(`${url}/broken`, { method: 'POST' });
    expect(status).toBe(500);
    expect(text).not.toContain('secret of the inside');
    expect(lines).toContainEqual(expect.objectContaining({ error: 'Error: secret of the inside', path: '/broken' }));
  });

  it('asks for the token on every path, where there is one', async () => {
    const url = await open(token);
    for (const path of ['/', '/word', '/nothing']) expect((await ask(url + path)).status).toBe(401);
    for (const given of ['', token.slice(1), `${token}x`, token.toUpperCase()]) {
      expect((await ask(`${url}/word`, { headers: { authorization: `Bearer ${given}` } })).status).toBe(401);
    }
    expect((await ask(`${url}/word`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  });

  it('lets instances do with their token what is for them, and tells them of nothing else', async () => {
    const ofInstances = 'the-token-of-instances-is-another-one';
    const url = await open(token, ofInstances);
    const asInstance = (method: string, path: string) =>
      ask(url + path, { method, headers: { authorization: `Bearer ${ofInstances}` } });
    expect(await asInstance('POST', '/word')).toMatchObject({ status: 200 });
    const refused = [
      ['GET', '/word'],
      ['HEAD', '/word'],
      ['PUT', '/word'],
      ['DELETE', '/word'],
      ['POST', '/broken'],
      ['GET', '/text'],
      ['POST', '//word'],
      ['POST', '/word/'],
      ['GET', '/nothing'],
    ];
    for (const [method = '', path = ''] of refused) {
      expect([method, path, (await asInstance(method, path)).status]).toEqual([method, path, 403]);
    }
    expect(JSON.parse((await asInstance('GET', '/')).text)).toEqual([
      { method: 'POST', path: '/word', summary: 'Adds.' },
    ]);
    const asOperator = { headers: { authorization: `Bearer ${token}` } };
    expect((await ask(`${url}/word`, { ...asOperator, method: 'POST' })).status).toBe(200);
    expect((await ask(`${url}/word`, { headers: { authorization: `Bearer ${token}x` } })).status).toBe(401);
    const without = await open(token);
    expect(
      (await ask(`${without}/word`, { method: 'POST', headers: { authorization: 'Bearer undefined' } })).status,
    ).toBe(401);
  });

  it('lets no page of a browser in where there is no token', async () => {
    const url = await open(undefined);
    const refused = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { host: 'rebound.evil.example' },
      { host: '127.0.0.1.evil.example' },
    ];
    for (const headers of refused) {
      expect((await ask(`${url}/word`, { method: 'PUT', headers, body: '{}' })).status).toBe(403);
    }
    expect((await ask(`${url}/word`, { headers: { host: 'localhost:9091' } })).status).toBe(200);
  });
});
