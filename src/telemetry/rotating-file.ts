/**
 * A file that lines are added to, and that is put aside when it is full: `usage.ndjson`, `usage.ndjson.1`, `.2`, ...
 * The floor. Clock: per interval. It never holds more than its bounds say, but one write.
 */
import { appendFile, rename, rm, stat } from 'node:fs/promises';

export interface RotatingFileOptions {
  readonly file: string;
  /** Of one file. */
  readonly maxFileBytes: number;
  /** With those that were put aside; the oldest is deleted. */
  readonly maxFiles: number;
}

/**
 * Adds text to the file, which is made when there is none, one call after the other. Rejects when it cannot be written.
 * No other process may write the file: two that put it aside at a time lose what stands in it.
 */
export function createRotatingFile(options: RotatingFileOptions): (text: string) => Promise<void> {
  const { file, maxFileBytes, maxFiles } = options;
  let last: Promise<void> = Promise.resolve();
  const aside = (index: number) => (index === 0 ? file : `${file}.${index}`);
  const rotate = async () => {
    await rm(aside(maxFiles - 1), { force: true });
    for (let index = maxFiles - 2; index >= 0; index--) await rename(aside(index), aside(index + 1)).catch(isGone);
  };
  const append = async (text: string) => {
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    if (size > 0 && size + Buffer.byteLength(text) > maxFileBytes) await rotate();
    await appendFile(file, text);
  };
  return (text) => {
    const appended = last.then(() => append(text));
    last = appended.catch(() => {});
    return appended;
  };
}

function isGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
