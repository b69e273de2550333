/**
 * Files of users: `POST /files` takes one as the field `file` of a form, `GET /files/{id}` answers it to whoever has its id.
 * In: a form that is streamed to disk within its limits. Out: JSON, or the file; refusals as `{ code, detail }`.
 * What a file claims to be is compared with how it begins; nothing of a refused one stays.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { callerId } from '../shared/access';
import { type Database, isUuid } from '../shared/database';
import { hasCode } from '../shared/errors';
import { type HttpRequest, type HttpResponse, type HttpRoute, jsonResponse } from '../shared/http-server';
import type { Caller } from '../shared/identity';
import { FormRefused, type ReceivedFile, receiveFile } from './form';

interface FileRow {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  readonly bytes: string;
  readonly sha256: string;
}

const FILE_COLUMNS = 'id, name, content_type as "contentType", bytes, sha256';

/** The routes; `directory` is made when the first file comes. */
export function fileRoutes(
  db: Database,
  callerOf: (headers: IncomingHttpHeaders) => Caller | undefined,
  directory: string,
): readonly HttpRoute[] {
  return [
    { method: 'POST', path: '/files', receive: (request) => upload(request, callerOf(request.headers), db, directory) },
    { method: 'GET', path: '/files/*', handle: (request) => download(request, db, directory) },
  ];
}

async function upload(
  request: IncomingMessage,
  caller: Caller | undefined,
  db: Database,
  directory: string,
): Promise<HttpResponse> {
  const owner = caller && callerId(caller);
  if (!owner) return refused(401, 'UNAUTHENTICATED', 'Sign in first.');
  const id = randomUUID();
  const draft = join(directory, `${id}.part`);
  try {
    await mkdir(directory, { recursive: true });
    const received = await receiveFile(request, draft);
    await rename(draft, join(directory, id));
    await keep(db, id, owner, received);
    const { name, contentType, bytes, sha256 } = received;
    return jsonResponse(201, { id, name, contentType, bytes, sha256 });
  } catch (error) {
    await rm(draft, { force: true });
    await rm(join(directory, id), { force: true });
    if (error instanceof FormRefused) return refused(error.status, error.code, error.message);
    throw error;
  }
}

async function keep(db: Database, id: string, owner: string, file: ReceivedFile): Promise<void> {
  await db.query(
    'insert into files (id, owner_id, name, content_type, bytes, sha256) values ($1, $2, $3, $4, $5, $6)',
    [id, owner, file.name, file.contentType, file.bytes, file.sha256],
  );
}

async function download({ url, headers }: HttpRequest, db: Database, directory: string): Promise<HttpResponse> {
  const id = url.split('?', 1)[0]?.slice('/files/'.length) ?? '';
  const [file] = isUuid(id) ? await db.query<FileRow>(`select ${FILE_COLUMNS} from files where id = $1`, [id]) : [];
  if (!file) return refused(404, 'NOT_FOUND', 'There is no such file.');
  const etag = `"${file.sha256}"`;
  const kept = { etag, 'cache-control': 'public, max-age=31536000, immutable' };
  if (headers['if-none-match'] === etag) return { status: 304, headers: kept };
  const path = join(directory, file.id);
  try {
    await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return refused(404, 'NOT_FOUND', 'There is no such file.');
    throw error;
  }
  return {
    status: 200,
    headers: {
      ...kept,
      'content-type': file.contentType,
      'content-length': file.bytes,
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name).replace(/['()*]/g, percent)}`,
    },
    body: createReadStream(path),
  };
}

/** RFC 8187: characters that `encodeURIComponent` leaves, and a parameter may not have. */
const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

function refused(status: number, code: string, detail: string): HttpResponse {
  return jsonResponse(status, { code, detail });
}
