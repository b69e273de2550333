/**
 * When files that others write have changed: whoever reads them looks from time to time, and a change counts when two
 * looks in a row find the same, since a file may be half written. In: what each look finds. Clock: per look.
 */
import { stat } from 'node:fs/promises';

/** Files are looked at so often, unless somebody says otherwise. */
export const fileTickMs = 500;

export class FileChanges {
  private lastFound: string | undefined;

  /** `counted`: what was read already; undefined: nothing was. */
  constructor(private counted?: string) {}

  /** Whether what a look has found counts as a change now. */
  hasChanged(found: string): boolean {
    const isWhole = found === this.lastFound;
    this.lastFound = found;
    if (found === this.counted || !isWhole) return false;
    this.counted = found;
    return true;
  }

  /** What was read without waiting for it to be the same twice; undefined: whatever is found next is a change. */
  count(found: string | undefined): void {
    this.counted = found;
  }
}

/** Another text when one of the files was written or replaced, or has come or gone. Never rejects. */
export async function signatureOf(files: readonly string[]): Promise<string> {
  const parts = files.map((file) =>
    stat(file).then(
      ({ mtimeMs, size, ino }) => `${file} ${mtimeMs} ${size} ${ino}`,
      () => `${file} none`,
    ),
  );
  return (await Promise.all(parts)).join('\n');
}
