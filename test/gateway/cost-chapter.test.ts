/** The example of docs/cost.md, as it is written there: composed, configured, and every line of its table asked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { startGraph } from '../support/graph';

const chapter = readFileSync(join(__dirname, '../../docs/cost.md'), 'utf8');
const blockOf = (language: string) => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(chapter)?.[1] ?? '';

it('the operations of the chapter on cost cost what it says', async () => {
  const config = parse(blockOf('yaml'));
  const graph = await startGraph([{ name: 'shop', sdl: blockOf('graphql').replace(/^#.*\n/, ''), resolvers: {} }], {
    config: { cost: { ...config.cost, extensions: 'always' } },
  });
  const rows = [...chapter.matchAll(/^\| `(\{.*\})` \| (.*) \|$/gm)];
  expect(rows).toHaveLength(6);
  for (const [, query = '', told = ''] of rows) {
    const { extensions, errors } = await graph.query(query);
    if (told.startsWith('refused')) {
      expect(errors?.[0]?.extensions.code).toBe('LIST_SIZE_ARGUMENT_REQUIRED');
    } else if (told.endsWith('refused')) {
      expect(JSON.parse(JSON.stringify({ errors }))).toEqual(JSON.parse(blockOf('json')));
    } else {
      const sum = told.split(':')[0] ?? '';
      const estimated = sumOf(sum.split(' = ')[1] ?? sum);
      expect({ query, cost: extensions?.cost }).toEqual({ query, cost: { estimated, max: 1_000 } });
    }
  }
  await graph.close();
});

/** `1 + 50`, `10 * 3` */
function sumOf(text: string): number {
  const products = text.split(' + ').map((part) => part.split(' * ').map(Number));
  return products.reduce((sum, factors) => sum + factors.reduce((product, factor) => product * factor, 1), 0);
}
