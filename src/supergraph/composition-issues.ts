/**
 * What composition says, as plain data: its errors and hints in, codes, messages and positions in subgraph SDL out.
 * Runs in the planner thread. Clock: per supergraph.
 */
import type { composeServices } from '@apollo/composition';
import type { ServiceDefinition } from '@apollo/federation-internals';
import type { ASTNode, DocumentNode, GraphQLError } from 'graphql';

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

/** An error of composition, with where its subgraphs say so. */
export function toIssue(error: GraphQLError, services: readonly ServiceDefinition[]): CompositionIssue {
  // Errors of one subgraph begin with its name in brackets, beside what the nodes tell.
  const [prefix, name] = /^\[([^\]]+)\] /.exec(error.message) ?? [];
  const subgraph = services.find((service) => service.name === name);
  const message = subgraph === undefined ? error.message : error.message.slice(prefix?.length);
  const located = locateNodes(error.nodes ?? [], services);
  const locations =
    located.length > 0 ? located : locateCoordinate(message, subgraph === undefined ? services : [subgraph]);
  return { code: String(error.extensions.code ?? 'COMPOSITION_FAILED'), message, locations };
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

function locateNodes(nodes: readonly ASTNode[], services: readonly ServiceDefinition[]): SubgraphLocation[] {
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
