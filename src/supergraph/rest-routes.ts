/**
 * The REST routes of a supergraph: operation files in, routes with typed variables out, or why an operation cannot be
 * served. Clock: per supergraph.
 */
import {
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isInputObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  typeFromAST,
} from 'graphql';
import { type ProxyRoute, type RestRoute, RestRoutes, type RestVariable, writePath } from '../client/rest/routes';
import type { FileOperation, FileProblem } from '../operation/operation-files';
import type { Generation } from './generation';

export interface RestRoutesResult {
  readonly routes: readonly RestRoute[];
  /** Operations that this supergraph does not allow; they have no route. */
  readonly problems: readonly FileProblem[];
}

/** Where the routes come from, as far as they need to know it. */
export interface RouteSource {
  readonly current: Pick<Generation, 'id' | 'apiSchema' | 'readDocument'> | undefined;
  onSchemaLoadOrUpdate(callback: () => void): () => void;
}

/** The routes of the supergraph that is served now. */
export class RestRouteTable {
  routes = new RestRoutes([]);
  /** What the newest supergraph does not allow. */
  problems: readonly FileProblem[] = [];
  private stop: () => void = () => {};

  /** `library`: the operations as they are now. */
  constructor(
    private readonly library: { readonly current: { readonly operations: readonly FileOperation[] } },
    private readonly source: RouteSource,
    private readonly proxies: readonly ProxyRoute[],
  ) {}

  /** Builds the routes, and builds them again for each supergraph. Resolves with what the first one does not allow. */
  async open(): Promise<readonly FileProblem[]> {
    await this.build();
    let isFirst = true;
    this.stop = this.source.onSchemaLoadOrUpdate(() => {
      if (!isFirst) void this.build();
    });
    isFirst = false;
    return this.problems;
  }

  /** Builds the routes of the operations, and the supergraph, that are served by now. */
  async build(): Promise<void> {
    const { current } = this.source;
    if (!current) return;
    const { operations } = this.library.current;
    const { routes, problems } = await buildRestRoutes(operations, current);
    // Another supergraph, or another set of operations, came meanwhile, and its own build with it.
    if (current !== this.source.current || operations !== this.library.current.operations) return;
    this.routes = new RestRoutes(routes, this.proxies);
    this.problems = problems;
  }

  close(): void {
    this.stop();
  }
}

/** Validates every operation against a generation and makes routes of those with `@rest`. */
export async function buildRestRoutes(
  operations: readonly FileOperation[],
  generation: Pick<Generation, 'apiSchema' | 'readDocument'>,
): Promise<RestRoutesResult> {
  const routes: RestRoute[] = [];
  const problems: FileProblem[] = [];
  for (const operation of operations) {
    const document = await generation.readDocument(operation.source);
    if (document.kind === 'refused') {
      const { line = 1, column = 1 } = operation.node.loc?.startToken ?? {};
      for (const { message } of document.errors)
        problems.push({ file: operation.file, line, column, message: `${operation.name}: ${message}` });
    } else if (operation.rest) routes.push(toRoute(operation, operation.rest, generation.apiSchema));
  }
  return { routes, problems };
}

function toRoute(
  { name, source, node, description }: FileOperation,
  rest: NonNullable<FileOperation['rest']>,
  schema: GraphQLSchema,
): RestRoute {
  const variables = readVariables(node, schema);
  return {
    ...rest,
    kind: 'operation',
    name: `${rest.method} ${writePath(rest.path)}`,
    operationName: name,
    operation: node.operation === 'mutation' ? 'mutation' : 'query',
    source,
    document: parse(source, { noLocation: true }),
    description,
    isSole: isSole(node, rest.unwrap),
    variables,
    bodyNames: bodyNamesOf(variables, rest.body),
  };
}

function readVariables(node: OperationDefinitionNode, schema: GraphQLSchema): RestVariable[] {
  return (node.variableDefinitions ?? []).flatMap(({ variable, type, defaultValue }) => {
    // A valid operation has variables of input types alone.
    const inputType = typeFromAST(schema, type) as GraphQLInputType | undefined;
    return inputType ? [{ name: variable.name.value, type: inputType, hasDefault: defaultValue !== undefined }] : [];
  });
}

function bodyNamesOf(variables: readonly RestVariable[], body: string | undefined): string[] {
  if (body === undefined) return variables.map(({ name }) => name);
  const type = getNullableType(variables.find(({ name }) => name === body)?.type);
  return isInputObjectType(type) ? Object.keys(type.getFields()) : [];
}

function isSole(node: OperationDefinitionNode, path: readonly string[]): boolean {
  let set: SelectionSetNode | undefined = node.selectionSet;
  for (const name of path) {
    const selections: readonly SelectionNode[] = set?.selections ?? [];
    const [only, second] = selections;
    if (only?.kind !== Kind.FIELD || second || (only.alias ?? only.name).value !== name) return false;
    set = only.selectionSet;
  }
  return true;
}
