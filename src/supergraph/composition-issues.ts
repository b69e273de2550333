/**
 * What composition says, as plain data: its errors and hints in, codes, messages and positions in subgraph SDL out.
 * Runs in the planner thread. Clock: per supergraph.
 */
import type { composeServices } from '@apollo/composition';
import type { ServiceDefinition } from '@apollo/federation-internals';
import {
  type ASTNode,
  type DocumentNode,
  type GraphQLError,
  KnownTypeNamesRule,
  UniqueArgumentDefinitionNamesRule,
  UniqueEnumValueNamesRule,
  UniqueFieldDefinitionNamesRule,
  UniqueInputFieldNamesRule,
  UniqueTypeNamesRule,
  visit,
} from 'graphql';
import { validateSDL } from 'graphql/validation/validate';

type CompositionHint = NonNullable<ReturnType<typeof composeServices>['hints']>[number];

/** A position in the SDL that a subgraph gave, from 1. */
export interface SubgraphLocation {
  readonly subgraph: string;
  readonly line: number;
  readonly column: number;
}

export interface CompositionIssue {
  readonly code: string;
  readonly message: string;
  readonly locations: readonly SubgraphLocation[];
}

export interface CompositionHintIssue extends CompositionIssue {
  readonly level: string;
}

/**
 * The errors of a composition, with where its subgraphs say so. Composition leaves a subgraph at its first mistake of
 * plain GraphQL: where there was one, the others of its kind are added.
 */
export function toIssues(errors: readonly GraphQLError[], services: readonly ServiceDefinition[]): CompositionIssue[] {
  const told = errors.map((error) => toIssue(error, services));
  const invalid = services.filter(({ name }) =>
    told.some(
      ({ code, locations }) => code === 'INVALID_GRAPHQL' && locations.some(({ subgraph }) => subgraph === name),
    ),
  );
  const found = invalid.flatMap((service) => findMistakes(service, services));
  // One that has no node of its own is found again here, and better located.
  const kept = told.filter(
    ({ code, isGuessed, locations }) =>
      !(
        code === 'INVALID_GRAPHQL' &&
        isGuessed &&
        found.some((issue) => issue.locations[0]?.subgraph === locations[0]?.subgraph)
      ),
  );
  const positions = new Set(kept.map(({ locations: [first] }) => JSON.stringify(first)));
  const added = found.filter(({ locations: [first] }) => !positions.has(JSON.stringify(first)));
  return [...kept.map(({ code, message, locations }) => ({ code, message, locations })), ...added].sort(
    inOrderOf(services),
  );
}

interface LocatedIssue extends CompositionIssue {
  /** Located by what the message names, because the error carries no nodes. */
  readonly isGuessed: boolean;
}

function toIssue(error: GraphQLError, services: readonly ServiceDefinition[]): LocatedIssue {
  // Errors of one subgraph begin with its name in brackets, beside what the nodes tell.
  const [prefix, name] = /^\[([^\]]+)\] /.exec(error.message) ?? [];
  const subgraph = services.find((service) => service.name === name);
  const message = subgraph === undefined ? error.message : error.message.slice(prefix?.length);
  const located = locateNodes(error.nodes ?? [], services);
  const isGuessed = located.length === 0;
  const locations = isGuessed ? locateCoordinate(message, subgraph === undefined ? services : [subgraph]) : located;
  return { code: String(error.extensions.code ?? 'COMPOSITION_FAILED'), message, locations, isGuessed };
}

const mistakeRules = [
  KnownTypeNamesRule,
  UniqueTypeNamesRule,
  UniqueFieldDefinitionNamesRule,
  UniqueInputFieldNamesRule,
  UniqueArgumentDefinitionNamesRule,
  UniqueEnumValueNamesRule,
];

function findMistakes({ typeDefs }: ServiceDefinition, services: readonly ServiceDefinition[]): CompositionIssue[] {
  const imported = importedNames(typeDefs);
  return validateSDL(typeDefs, null, mistakeRules).flatMap(({ message, nodes }) => {
    const name = /^Unknown type "([^"]+)"/.exec(message)?.[1];
    if (name !== undefined && (/^_|__/.test(name) || imported.has(name))) return [];
    // Of two that have one name, the second is one too many.
    return [{ code: 'INVALID_GRAPHQL', message, locations: locateNodes([...(nodes ?? [])].reverse(), services) }];
  });
}

/** Names that `@link` brings into a schema, and everything else that is written as text there. */
function importedNames(document: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>();
  visit(document, {
    Directive: (node) => (node.name.value === 'link' ? undefined : false),
    StringValue({ value }) {
      names.add(value);
    },
  });
  return names;
}

function inOrderOf(services: readonly ServiceDefinition[]) {
  const rank = ({ locations: [first] }: CompositionIssue) => services.findIndex(({ name }) => name === first?.subgraph);
  const line = ({ locations: [first] }: CompositionIssue) => first?.line ?? 0;
  const column = ({ locations: [first] }: CompositionIssue) => first?.column ?? 0;
  return (a: CompositionIssue, b: CompositionIssue) => rank(a) - rank(b) || line(a) - line(b) || column(a) - column(b);
}

/** A hint of composition: it composed, but perhaps not as meant. */
export function toHintIssue(
  { definition, message, nodes, coordinate }: CompositionHint,
  services: readonly ServiceDefinition[],
): CompositionHintIssue {
  const located = locateNodes(nodes ?? [], services);
  const locations = located.length > 0 ? located : locateCoordinate(`"${coordinate ?? ''}" ${message}`, services);
  return { code: definition.code, level: definition.level.name, message, locations };
}

export function locateNodes(nodes: readonly ASTNode[], services: readonly ServiceDefinition[]): SubgraphLocation[] {
  return nodes.flatMap(({ loc }) => {
    const service = services.find(({ typeDefs }) => loc !== undefined && typeDefs.loc?.source === loc.source);
    return loc === undefined || service === undefined ? [] : [{ subgraph: service.name, ...startOf(loc) }];
  });
}

function startOf({ startToken: { line, column } }: NonNullable<ASTNode['loc']>): { line: number; column: number } {
  return { line, column };
}

/** Satisfiability errors carry no nodes, but name what cannot be reached: `cannot find field "User.email"`. */
function locateCoordinate(message: string, services: readonly ServiceDefinition[]): SubgraphLocation[] {
  const quoted = [...message.matchAll(/"(\w+(?:\.\w+)?)/g)].map((match) => match[1] ?? '');
  const subgraphNames = new Set(services.map(({ name }) => name));
  const fields = quoted.filter((name) => name.includes('.'));
  const types = quoted.filter((name) => !name.includes('.') && !subgraphNames.has(name));
  for (const coordinate of [...fields, ...types]) {
    for (const { name, typeDefs } of services) {
      const node = findDefinition(typeDefs, coordinate);
      if (node?.loc !== undefined) return [{ subgraph: name, ...startOf(node.loc) }];
    }
  }
  return services.length === 1 && services[0] !== undefined ? [{ subgraph: services[0].name, line: 1, column: 1 }] : [];
}

/** The last definition or extension of `Type` or `Type.field`: where there is one too many, it is the last. */
function findDefinition(document: DocumentNode, coordinate: string): ASTNode | undefined {
  const [typeName, fieldName] = coordinate.split('.');
  return document.definitions
    .filter((definition) => 'name' in definition && definition.name?.value === typeName)
    .map((definition): ASTNode | undefined => {
      if (fieldName === undefined) return definition;
      const fields: readonly ASTNode[] = ('fields' in definition && definition.fields) || [];
      return fields.find((field) => 'name' in field && field.name?.value === fieldName);
    })
    .findLast((node) => node !== undefined);
}
