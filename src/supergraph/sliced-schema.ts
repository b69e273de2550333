/**
 * The text of a large schema -> its document and its `GraphQLSchema`, as `parse` and `buildSchema` of graphql-js make
 * them, but in slices: thousands of types take a second, and requests under the supergraph that serves do not wait for
 * that. Clock: per supergraph.
 */
import {
  type DefinitionNode,
  type DocumentNode,
  GraphQLSchema,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  Kind,
  specifiedDirectives,
  TokenKind,
} from 'graphql';
import { Parser } from 'graphql/language/parser';
import { extendSchemaImpl } from 'graphql/utilities/extendSchema';
import type { SlicedWork } from '../slices';

/** Parses SDL without locations. Throws `GraphQLError` for a syntax error. */
export function* parseSdl(sdl: string): SlicedWork<DocumentNode> {
  const parser = new Parser(sdl, { noLocation: true });
  const definitions: DefinitionNode[] = [];
  parser.expectToken(TokenKind.SOF);
  do {
    definitions.push(parser.parseDefinition());
    yield;
  } while (!parser.expectOptionalToken(TokenKind.EOF));
  return { kind: Kind.DOCUMENT, definitions };
}

/** Builds the schema of SDL that is known to be valid. */
export function* buildValidSchema(sdl: string): SlicedWork<GraphQLSchema> {
  return yield* buildSchemaOf(yield* parseSdl(sdl));
}

/** The same of a document. */
export function* buildSchemaOf(document: DocumentNode): SlicedWork<GraphQLSchema> {
  const nothing = { description: undefined, types: [], directives: [], extensions: {}, extensionASTNodes: [] };
  const empty = new GraphQLSchema({ ...nothing, assumeValid: true }).toConfig();
  const config = extendSchemaImpl({ ...empty, ...nothing }, document, { assumeValidSDL: true });
  yield;
  // The schema asks each type for its parts, which are made when they are asked for first.
  for (const type of config.types) {
    if (isObjectType(type) || isInterfaceType(type)) type.getInterfaces();
    if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) type.getFields();
    if (isUnionType(type)) type.getTypes();
    yield;
  }
  const rootType = (name: string) => config.types.filter(isObjectType).find((type) => type.name === name);
  const roots = config.astNode
    ? {}
    : { query: rootType('Query'), mutation: rootType('Mutation'), subscription: rootType('Subscription') };
  const declared = new Set(config.directives.map(({ name }) => name));
  const directives = [...config.directives, ...specifiedDirectives.filter(({ name }) => !declared.has(name))];
  return new GraphQLSchema({ ...config, ...roots, directives, assumeValid: true });
}
