/**
 * What there is against what the documents name: endpoints, metrics, options of commands and keys of the configuration, in
 * both directions. Real: the documents, the schema, the table of metrics, the commands, the routes of a gateway.
 */
import { readFileSync } from 'node:fs';
import { documentFiles } from '../scripts/docs';
import { type AdminParts, createAdminRoutes } from '../src/admin-routes';
import { commands } from '../src/cli';
import { configJsonSchema } from '../src/config';
import { metricCatalogue } from '../src/telemetry/metric-catalogue';
import { startTestServer } from './client/http-server';

const documents = documentFiles().map((file) => ({ file, text: readFileSync(file, 'utf8') }));
const text = documents.map((document) => document.text).join('\n');

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
}

/** The shape of what stands at this path, `*` for any name; undefined where nothing is known. */
function shapeAt(shape: Shape | undefined, [step, ...rest]: readonly string[]): Shape | undefined {
  if (shape === undefined || step === undefined) return shape;
  const { properties, additionalProperties: more, items, anyOf = [] } = shape;
  const next = properties?.[step] ?? (typeof more === 'object' ? more : undefined);
  const found = next === undefined ? undefined : shapeAt(next, rest);
  if (found) return found;
  if (items) return shapeAt(items, [step, ...rest]);
  return anyOf.map((one) => shapeAt(one, [step, ...rest])).find((one) => one !== undefined);
}

describe('keys of the configuration', () => {
  const schema = configJsonSchema() as Shape;
  const sections = Object.keys(schema.properties ?? {});

  it('that the documents name exist', () => {
    // The page for those who come from a Router names its keys, too.
    const own = documents.filter(({ file }) => !file.endsWith('migrating.md')).map((document) => document.text);
    const named = [...own.join('\n').matchAll(/`([a-z][A-Za-z]+(?:(?:\.|\[\]\.)[A-Za-z]+)+)`/g)].map(
      ([, path = '']) => path,
    );
    const ours = [...new Set(named)]
      .filter((path) => sections.includes(path.split('.')[0]?.replace('[]', '') ?? ''))
      // Files, and keys of the table, which begin below their section.
      .filter((path) => !/\.yaml$|\.NAME/.test(path));
    expect(ours.length).toBeGreaterThan(20);
    const wrong = ours.filter((path) => shapeAt(schema, path.replaceAll('[]', '').split('.')) === undefined);
    expect(wrong).toEqual([]);
  });

  it('are all in the table, section by section', () => {
    const missing = Object.entries(schema.properties ?? {}).flatMap(([section, { properties = {} }]) =>
      Object.keys(properties)
        .filter((key) => !new RegExp(`\\| \`${section}\` \\| \`${key}\\b`).test(text))
        .map((key) => `${section}.${key}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('metrics', () => {
  it('that the documents name exist, and all are named', () => {
    const known = Object.keys(metricCatalogue);
    const named = new Set([...text.matchAll(/\b(?:supergate|process)_[a-z]+(?:_[a-z]+)*\b/g)].map(([name]) => name));
    const wrong = [...named].filter((name) => !known.includes(name.replace(/_(bucket|sum|count)$/, '')));
    expect(wrong).toEqual([]);
    expect(known.filter((name) => !named.has(name))).toEqual([]);
  });
});

describe('options of commands', () => {
  const blocks = [...text.matchAll(/```(?:sh|bash|text|console)\n([\s\S]*?)```/g)].map(([, block = '']) => block);

  it('that the documents name exist', () => {
    const lines = blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'));
    const calls = lines
      .flatMap((line) => [...line.matchAll(/(?:^|\s|\()supergate ([a-z][^|)#]*)/g)])
      .map(([, call = '']) => call);
    expect(calls.length).toBeGreaterThan(10);
    const wrong = calls.flatMap((call) => {
      const [first = '', second = ''] = call.split(/\s+/);
      const command = commands[`${first} ${second}`] ?? commands[first];
      if (!command) return [call];
      const options = [...call.matchAll(/\s--([a-z][a-z-]*)/g)].map(([, option = '']) => option);
      return options
        .filter((option) => option !== 'help' && !Object.hasOwn(command.options, option))
        .map((option) => `${call}: --${option}`);
    });
    expect(wrong).toEqual([]);
  });

  it('are all named, each in the help of its command', () => {
    const missing = Object.entries(commands).flatMap(([name, { options }]) => {
      const help = blocks.find((block) => block.includes(`Usage: supergate ${name} `));
      if (help === undefined) return [name];
      return Object.keys(options)
        .filter((option) => !help.includes(`--${option}`))
        .map((option) => `${name} --${option}`);
    });
    expect(missing).toEqual([]);
  });
});

describe('endpoints', () => {
  it('for operators that the documents name exist', () => {
    // Nothing is asked of the parts until an endpoint is.
    const routes = createAdminRoutes({} as AdminParts).map(({ method, path }) => `${method} ${path}`);
    const table = [...text.matchAll(/^\| `((?:GET|POST|PUT|DELETE) \/[\w/-]*)` \|/gm)].map(([, route]) => route);
    expect([...new Set(table)].sort()).toEqual([...routes].sort());
    const mentioned = [...text.matchAll(/:9091(\/[a-z][\w/-]*)/g)].map(([, path]) => path ?? '');
    expect(mentioned.filter((path) => !routes.some((route) => route.endsWith(` ${path}`)))).toEqual([]);
  });

  it('of the port for clients exist, and are named', async () => {
    const { http, metrics } = await startTestServer();
    const paths = ['/health', '/health/live', '/health/ready', '/metrics', '/graphiql', '/graphql'];
    for (const url of paths) {
      expect(text).toContain(url);
      expect((await http.inject({ url, headers: { accept: 'text/html' } })).statusCode).not.toBe(404);
    }
    const named = [...text.matchAll(/`(?:GET )?(\/(?:health|metrics|graphi?ql|graphiql)[\w/-]*)`/g)].map(
      ([, path]) => path ?? '',
    );
    expect([...new Set(named)].filter((path) => !paths.includes(path))).toEqual([]);
    await http.close();
    metrics.close();
  });
});
