/**
 * The REST routes of a supergraph: operation files in, routes with typed variables out, or why an operation cannot be
 * served. Clock: per supergraph.
 */
import {
  coerceInputValue,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLInputType,
  type GraphQLSchema,
  type GraphQLType,
  getNullableType,
  isCompositeType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  typeFromAST,
  valueFromASTUntyped,
} from 'graphql';
import { type ProxyRoute, type RestRoute, RestRoutes, type RestVariable, writePath } from '../client/rest/routes';
import { fragmentsOf } from '../operation/document';
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
    } else if (operation.rest) {
      const route = toRoute(operation, operation.rest, generation.apiSchema);
      const { line = 1, column = 1 } = operation.node.loc?.startToken ?? {};
      const misfits = findMisfits(route, generation.apiSchema);
      for (const message of misfits)
        problems.push({ file: operation.file, line, column, message: `${operation.name}: ${message}` });
      if (misfits.length === 0) routes.push(route);
    }
  }
  return { routes, problems };
}

/** What `@rest` says of an operation that the schema does not bear out. */
function findMisfits({ document, operation, unwrap, variables, example }: RestRoute, schema: GraphQLSchema): string[] {
  const problems: string[] = [];
  const fragments = fragmentsOf(document);
  const nodes = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  let place: Place | undefined = { type: schema.getRootType(operation as OperationTypeNode), nodes };
  for (const name of unwrap) {
    place = place && placeAt(place, name, fragments, schema);
    if (!place)
      problems.push(
        `@rest(unwrap: "${unwrap.join('.')}") must name what is selected, along objects; "${name}" is not.`,
      );
    if (!place) break;
  }
  for (const { name, type } of variables) {
    if (!Object.hasOwn(example, name)) continue;
    coerceInputValue(example[name], type, (path, _value, { message }) =>
      problems.push(`@rest(example:) gives "${[name, ...path].join('.')}" a value that it cannot have: ${message}`),
    );
  }
  return problems;
}

/** Where a path of response names has come to: what is selected there, of which type. */
interface Place {
  readonly type: GraphQLType | undefined | null;
  readonly nodes: readonly { readonly selectionSet?: SelectionSetNode | undefined }[];
}

function placeAt(
  { type, nodes }: Place,
  name: string,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  schema: GraphQLSchema,
): Place | undefined {
  const whole = getNullableType(type);
  if (!isCompositeType(whole)) return undefined;
  const found: { type: GraphQLType | undefined; node: FieldNode }[] = [];
  const look = (parent: GraphQLType | undefined | null, sets: readonly (SelectionSetNode | undefined)[]): void => {
    for (const node of sets.flatMap((set) => set?.selections ?? [])) {
      if (node.kind === Kind.FIELD) {
        if ((node.alias ?? node.name).value !== name) continue;
        const fields = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields() : {};
        found.push({ type: fields[node.name.value]?.type, node });
        continue;
      }
      const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : fragments.get(node.name.value);
      const condition = fragment?.typeCondition;
      if (fragment) look(condition ? schema.getType(condition.name.value) : parent, [fragment.selectionSet]);
    }
  };
  look(
    whole,
    nodes.map(({ selectionSet }) => selectionSet),
  );
  const [first] = found;
  return first && { type: first.type, nodes: found.map(({ node }) => node) };
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
    const value: unknown = defaultValue && valueFromASTUntyped(defaultValue);
    return inputType ? [{ name: variable.name.value, type: inputType, defaultValue: value }] : [];
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
