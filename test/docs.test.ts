/** README.md against the code: its generated parts, and what it names. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderDocs } from '../scripts/docs';

const root = join(__dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

describe('README.md', () => {
  it('has the generated parts that the code has: `npm run docs` writes them', async () => {
    expect(readme).toBe(await renderDocs(readme));
  });

  it('generates what would drift', () => {
    const parts = [...readme.matchAll(/<!-- generated: ([\w ]+) -->/g)].map(([, name]) => name);
    expect(parts.sort()).toEqual([
      'configuration',
      'errors',
      'help compose',
      'help config',
      'help serve',
      'help token',
      'metrics',
      'query',
    ]);
  });

  it('names scripts and files that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...readme.matchAll(/\bnpm run (\w+)/g)].map(([, name]) => name ?? '');
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
    const files = [...readme.matchAll(/(?:^|[\s`(])((?:src|test|subgraphs|\.ci)\/[\w./-]*)/g)].map(
      ([, file]) => file ?? '',
    );
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});
