/**
 * One file of a multipart form, streamed to disk. In: a request, where to write. Out: what it is; or a refusal.
 * The only file that knows the parser of forms. Every count and size is bounded before anything is kept.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';

export const MAX_FILE_BYTES = 5_000_000;

export interface ReceivedFile {
  /** As the client called it, without directories. */
  readonly name: string;
  readonly contentType: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A form that is not taken; the message is for the client. */
export class FormRefused extends Error {
  constructor(
    readonly status: 400 | 413 | 415,
    readonly code: 'BAD_FORM' | 'FILE_TOO_LARGE' | 'TYPE_NOT_ALLOWED',
    message: string,
  ) {
    super(message);
  }
}

/** How files of the types begin that are allowed, in hexadecimal; `?` is any digit. */
const BEGINNINGS: ReadonlyMap<string, RegExp> = new Map([
  ['image/png', /^89504e470d0a1a0a/],
  ['image/jpeg', /^ffd8ff/],
  ['image/gif', /^47494638(37|39)61/],
  ['image/webp', /^52494646.{8}57454250/],
  ['application/pdf', /^255044462d/],
]);

const LIMITS = {
  files: 1,
  fields: 5,
  parts: 6,
  fileSize: MAX_FILE_BYTES,
  fieldSize: 1_000,
  fieldNameSize: 100,
  headerPairs: 20,
  headerSize: 4_096,
};

/** Writes the field `file` to `path`. Rejects with `FormRefused`, and with what the disk says. */
export async function receiveFile(request: IncomingMessage, path: string): Promise<ReceivedFile> {
  const form = openForm(request);
  const ending = new AbortController();
  let writing: Promise<ReceivedFile> | undefined;
  const parsed = new Promise<void>((resolve, reject) => {
    const refuse = (message: string) => reject(new FormRefused(400, 'BAD_FORM', message));
    form.on('file', (field, stream, name, _encoding, type) => {
      if (field !== 'file' || writing) {
        stream.resume();
        refuse('The form has another file than "file".');
        return;
      }
      writing = write(stream, path, { name: baseName(name), type, signal: ending.signal });
      writing.catch((error: unknown) => {
        stream.resume();
        reject(error);
      });
    });
    for (const event of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const)
      form.on(event, () => refuse('The form has too many parts.'));
    form.on('error', () => refuse('The form is malformed.'));
    form.on('finish', resolve);
    request.on('aborted', () => refuse('The form ended too soon.'));
  });
  request.pipe(form);
  try {
    await parsed;
    if (!writing) throw new FormRefused(400, 'BAD_FORM', 'The form has no file in the field "file".');
    return await writing;
  } catch (error) {
    request.unpipe(form);
    // Its file may wait for bytes that do not come any more.
    ending.abort();
    await writing?.catch(() => {});
    throw error;
  }
}

function openForm({ headers }: IncomingMessage) {
  try {
    return new Busboy({ headers: headers as BusboyHeaders, limits: LIMITS });
  } catch {
    throw new FormRefused(400, 'BAD_FORM', 'The body is no form, or does not name its boundary.');
  }
}

async function write(
  stream: Readable,
  path: string,
  { name, type, signal }: { readonly name: string; readonly type: string; readonly signal: AbortSignal },
): Promise<ReceivedFile> {
  const beginning = BEGINNINGS.get(type);
  if (!beginning) throw new FormRefused(415, 'TYPE_NOT_ALLOWED', `A file may be ${[...BEGINNINGS.keys()].join(', ')}.`);
  const hash = createHash('sha256');
  let bytes = 0;
  let head = '';
  const isTooLarge = new Promise<never>((_resolve, reject) => {
    stream.once('limit', () =>
      reject(new FormRefused(413, 'FILE_TOO_LARGE', `A file may have ${MAX_FILE_BYTES} bytes.`)),
    );
  });
  const written = pipeline(
    stream,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        if (bytes < 16) head += chunk.subarray(0, 16 - bytes).toString('hex');
        bytes += chunk.length;
        hash.update(chunk);
        if (bytes >= 16 && !beginning.test(head)) throw notWhatItSays(type);
        yield chunk;
      }
      if (!beginning.test(head)) throw notWhatItSays(type);
    },
    createWriteStream(path, { flags: 'wx' }),
    { signal },
  );
  await Promise.race([written, isTooLarge]);
  return { name, contentType: type, bytes, sha256: hash.digest('hex') };
}

function notWhatItSays(type: string): FormRefused {
  return new FormRefused(415, 'TYPE_NOT_ALLOWED', `The file is not ${type}.`);
}

function baseName(name: string | undefined): string {
  const last = (name ?? '').split(/[\\/]/).at(-1) ?? '';
  const printable = last.replace(/\p{Cc}/gu, '').trim();
  return printable === '' || printable === '.' || printable === '..' ? 'file' : printable.slice(0, 200);
}
