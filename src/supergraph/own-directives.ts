/**
 * Directives that this gateway enforces and that federation does not know: composition drops them without a word
 * unless the subgraph links them and hands them on. In: the schema of a subgraph. Out: what would be lost, and how to
 * mend it. Runs in the planner thread. Clock: per supergraph.
 */
import { type ASTNode, type DirectiveNode, type DocumentNode, visit } from 'graphql';
import { cacheControlSpec } from '../policy/cache-declarations';
import { composedNames, type LinkedFeature, readLinks, specsUrl } from '../policy/links';
import type { CompositionIssue } from './composition-issues';

interface OwnDirective {
  readonly name: string;
  /** Of its specification, without the version. */
  readonly identity: string;
  readonly versions: readonly string[];
  /** Without a link it is another's convention, and is carried on by other means. */
  readonly isCarried?: boolean;
}

const ownDirectives: readonly OwnDirective[] = [
  { name: 'rateLimit', identity: 'https://specs.supergate.dev/rateLimit', versions: ['1.0'] },
  { name: 'cacheControl', identity: cacheControlSpec, versions: ['1.0'], isCarried: true },
];

/** One issue for each directive of ours that the subgraph applies in vain. */
export function findLostDirectives(subgraph: string, document: DocumentNode): CompositionIssue[] {
  const links = readLinks(document, 'link');
  return ownDirectives.flatMap((own) => {
    const link = links.find(({ identity }) => identity === own.identity);
    const name = link?.directiveName(own.name) ?? own.name;
    // Under another address it is somebody else's, who may have other plans with it.
    const isForeign = !link && (own.isCarried || links.some((other) => other.importedNames.has(name)));
    const use = isForeign ? undefined : findUse(document, name);
    const problem = use && describe(own, name, link, links, composedNames(document, links));
    return use && problem ? [toIssue(subgraph, use, problem)] : [];
  });
}

function describe(
  { name: ownName, identity, versions }: OwnDirective,
  name: string,
  link: LinkedFeature | undefined,
  links: readonly LinkedFeature[],
  composed: ReadonlySet<string>,
): string | undefined {
  const lost = `@${name} is applied, but composition would drop it and nothing would enforce it`;
  const federation = links.find((other) => other.identity === specsUrl('federation'));
  const compose = federation?.directiveName('composeDirective') ?? 'composeDirective';
  const url = `${identity}/v${versions.at(-1)}`;
  if (!federation) {
    return `${lost}: this schema is of federation 1. Link federation v2.1 or later, import @composeDirective, and link ${url}`;
  }
  if (!link) {
    return `${lost}: add @link(url: "${url}", import: ["@${ownName}"]) @${compose}(name: "@${ownName}") to the schema. If the subgraph enforces it itself, link it under an address of your own`;
  }
  if (!versions.includes(link.version)) {
    return `@${name} is linked from ${link.identity}/v${link.version}, a version this gateway does not know: link ${url}`;
  }
  if (composed.has(name)) return undefined;
  return `${lost}: add @${compose}(name: "@${name}") to the schema, and import "@composeDirective" from the federation link`;
}

/** The first place where a directive is applied. */
function findUse(document: DocumentNode, name: string): DirectiveNode | undefined {
  let found: DirectiveNode | undefined;
  visit(document, {
    Directive: (node) => {
      if (node.name.value === name) found ??= node;
    },
  });
  return found;
}

function toIssue(subgraph: string, { loc }: ASTNode, message: string): CompositionIssue {
  const { line = 1, column = 1 } = loc?.startToken ?? {};
  return { code: 'DIRECTIVE_NOT_COMPOSED', message, locations: [{ subgraph, line, column }] };
}
