/** The example of docs/authorization.md, as it is written there: composed, configured, asked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { startGraph } from '../support/graph';
import { nobody, someone } from '../support/identities';

jest.setTimeout(60_000);

const chapter = readFileSync(join(__dirname, '../../docs/authorization.md'), 'utf8');
const blocks = (language: string) =>
  [...chapter.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text ?? '');

it('the example of the chapter on authorization answers as it says', async () => {
  const [sdl = '', yaml = '', answer = ''] = ['graphql', 'yaml', 'json'].flatMap(blocks);
  const resolvers = {
    Query: {
      product: () => ({ id: '1', name: 'Chair', cost: 7 }),
      me: () => ({ id: 'u1', name: 'Ann', ssn: '1-2' }),
      audit: () => [{ text: 'x' }],
    },
  };
  const graph = await startGraph([{ name: 'accounts', sdl: sdl.replace(/^#.*\n/, ''), resolvers }], {
    config: parse(yaml),
    dependencies: { policies: { 'office-hours': () => true } },
  });
  const filtered = await graph.ask(nobody, '{ product(id: "1") { name cost } me { name } }');
  expect(JSON.parse(JSON.stringify(filtered))).toEqual(JSON.parse(answer));
  const staff = someone({ claims: { department: 'sales' }, scopes: ['ssn:read'] });
  expect(await graph.ask(staff, '{ product(id: "1") { cost } me { ssn } }')).toEqual({
    data: { product: { cost: 7 }, me: { ssn: '1-2' } },
  });
  expect((await graph.ask(someone(), '{ audit { text } me { ssn } }')).data).toEqual({
    audit: null,
    me: { ssn: null },
  });
  expect((await graph.ask(someone({ roles: ['ADMIN'] }), '{ audit { text } }')).data).toEqual({
    audit: [{ text: 'x' }],
  });
  await graph.close();
});
