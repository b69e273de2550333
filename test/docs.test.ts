/** README.md and docs/ against the code: generated parts, examples, and what they name. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { documentFiles, renderDocs } from '../scripts/docs';
import { configJsonSchema, loadConfig } from '../src/config';

const root = join(__dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

const documents = documentFiles().map((file) => ({ name: relative(root, file), text: readFileSync(file, 'utf8') }));

describe.each(documents)('$name', ({ text }) => {
  it('has the generated parts that the code has: `npm run docs` writes them', async () => {
    expect(text).toBe(await renderDocs(text));
  });

  it('has examples of gateway.yaml that are accepted', () => {
    const directory = mkdtempSync(join(tmpdir(), 'supergate-docs-'));
    const file = join(directory, 'gateway.yaml');
    for (const example of configurationExamples(text)) {
      writeFileSync(file, example);
      const variables = [...example.matchAll(/\$\{env\.(\w+)/g)].map(([, name]) => [name, 'x'.repeat(32)]);
      expect(loadConfig({ file, env: Object.fromEntries(variables) })).toMatchObject({ kind: 'config' });
    }
    rmSync(directory, { recursive: true });
  });

  it('links to files that there are', () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) => link ?? '');
    const from = text === readme ? root : join(root, 'docs');
    expect(links.filter((link) => !existsSync(join(from, link)))).toEqual([]);
  });
});

/** Blocks of YAML that begin with a section of the configuration; `subgraphs` is one of supergraph.yaml, too. */
function configurationExamples(text: string): string[] {
  const { properties = {} } = configJsonSchema() as { properties?: object };
  const sections = Object.keys(properties).filter((name) => name !== 'subgraphs');
  return [...text.matchAll(/```yaml(?: gateway\.yaml)?\n([\s\S]*?)```/g)]
    .map(([, block = '']) => block)
    .filter((block) => sections.some((section) => block.startsWith(`${section}:`)));
}

describe('README.md', () => {
  it('generates what would drift', () => {
    const parts = [...readme.matchAll(/<!-- generated: ([\w ]+) -->/g)].map(([, name]) => name);
    expect(parts.sort()).toEqual(['errors', 'help serve', 'query']);
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
