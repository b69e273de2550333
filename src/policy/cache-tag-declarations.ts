/**
 * `@cacheTag` of federation 2.12 and later, as composition hands it on: formats of tags at root fields and entities. In:
 * a supergraph. Out: tags of answers, and what a tag means among those that every answer has. Clock: per supergraph.
 */
import { type ConstDirectiveNode, type DocumentNode, Kind } from 'graphql';
import { readLinks } from './links';

export interface DeclaredTags {
  /** By coordinate of a root field, with its arguments in braces: `post-{id}`. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly string[];
  /** The same tags, and those of the entities that they stand for: `post-7` -> `Post:7`. */
  meantBy(tags: readonly string[]): readonly string[];
}

const cacheTagSpec = 'https://specs.apollo.dev/cacheTag';
const placeholder = /\{\$(\w+)\.([\w.]+)\}/g;

/** An entity's format, and how tags of it are known. */
interface EntityFormat {
  readonly type: string;
  readonly pattern: RegExp;
  /** What it names of keys. */
  readonly keys: readonly string[];
}

/** `keys`: by type, the field that tells its entities apart. */
export function readDeclaredTags(supergraph: DocumentNode, keys: ReadonlyMap<string, string>): DeclaredTags {
  const fields = new Map<string, string[]>();
  const entities: EntityFormat[] = [];
  const problems: string[] = [];
  const isLinked = readLinks(supergraph).some(({ identity }) => identity === cacheTagSpec);
  for (const node of isLinked ? supergraph.definitions : []) {
    if (node.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const type = node.name.value;
    for (const format of formatsOf(node.directives)) {
      const wrong = placeholdersOf(format).find(([scope]) => scope !== 'key');
      if (!keys.has(type)) problems.push(`${type}: @cacheTag stands on an entity, or on a field of Query`);
      else if (wrong) problems.push(`${type}: @cacheTag(format: "${format}") can name {$key.…} alone`);
      else entities.push({ type, pattern: patternOf(format), keys: placeholdersOf(format).map(([, path]) => path) });
    }
    for (const field of node.fields ?? []) {
      const coordinate = `${type}.${field.name.value}`;
      const args = new Set((field.arguments ?? []).map(({ name }) => name.value));
      for (const format of formatsOf(field.directives)) {
        const wrong = placeholdersOf(format).find(([scope, path]) => scope !== 'args' || !args.has(rootOf(path)));
        if (type !== 'Query') problems.push(`${coordinate}: @cacheTag stands on an entity, or on a field of Query`);
        else if (wrong) problems.push(`${coordinate}: @cacheTag(format: "${format}") names what is no argument`);
        else fields.set(coordinate, [...(fields.get(coordinate) ?? []), format.replaceAll('{$args.', '{')]);
      }
    }
  }
  const meant = (tag: string) => entities.flatMap((entity) => entityMeantBy(tag, entity, keys) ?? []);
  return { fields, problems, meantBy: (tags) => [...new Set(tags.flatMap((tag) => [tag, ...meant(tag)]))] };
}

const rootOf = (path: string) => path.split('.', 1)[0] ?? '';

/** Of whichever subgraph. */
function formatsOf(directives: readonly ConstDirectiveNode[] = []): string[] {
  return directives.flatMap(({ name, arguments: given = [] }) => {
    const argumentOf = (argument: string) => given.find((one) => one.name.value === argument)?.value;
    const directive = argumentOf('name');
    const args = argumentOf('args');
    if (name.value !== 'join__directive' || directive?.kind !== Kind.STRING || args?.kind !== Kind.OBJECT) return [];
    const format = args.fields.find((field) => field.name.value === 'format')?.value;
    return /^(federation__)?cacheTag$/.test(directive.value) && format?.kind === Kind.STRING ? [format.value] : [];
  });
}

function placeholdersOf(format: string): [scope: string, path: string][] {
  return [...format.matchAll(placeholder)].map(([, scope = '', path = '']) => [scope, path]);
}

function patternOf(format: string): RegExp {
  const literals = format.split(/\{\$[\w.]+\}/).map((text) => text.replace(/[^\w]/g, '\\$&'));
  return new RegExp(`^${literals.join('(.+)')}$`);
}

/** One entity where the format names what tells them apart, else all of its type. */
function entityMeantBy(
  tag: string,
  { type, pattern, keys: named }: EntityFormat,
  keys: ReadonlyMap<string, string>,
): string | undefined {
  const match = pattern.exec(tag);
  if (!match) return undefined;
  const index = named.indexOf(keys.get(type) ?? '');
  return index < 0 ? type : `${type}:${match[index + 1]}`;
}
