/**
 * The OpenAPI 3.1 document of the routes: what they are given and what they answer, from operations and schema.
 * Clock: per supergraph, when it is asked for first. What GraphQL says of a type, a JSON Schema says here.
 */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
} from 'graphql';
import type { Config } from '../../config';
import { describeProxy } from './openapi-proxy';
import { type AnyRoute, type ProxyRoute, type RestRoute, type RestVariable, writePath } from './routes';

type Json = Readonly<Record<string, unknown>>;

export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  /** The prefix that is documented first. */
  readonly prefixes: readonly string[];
  readonly schema: GraphQLSchema;
  /** The header of API keys, where there are any. */
  readonly apiKeyHeader: string | undefined;
  /** How often a route may be asked, in words: `"login" allows 5 in 900 s`. */
  readonly limitsOf: (route: AnyRoute) => readonly string[];
}

interface AllRoutes {
  readonly operations: readonly RestRoute[];
  readonly proxies: readonly ProxyRoute[];
}

/** What the configuration says of the document. */
export function openApiSettings({ rest, authentication }: Config): Omit<OpenApiOptions, 'schema' | 'limitsOf'> {
  return { title: 'Supergate', version: '1', prefixes: rest.prefixes, apiKeyHeader: authentication.apiKeys?.header };
}

/** The document, as a value: `https://spec.openapis.org/oas/v3.1.0`. */
export function createOpenApi(routes: AllRoutes, options: OpenApiOptions): Json {
  const { apiKeyHeader } = options;
  const signIns = [{ bearer: [] }, ...(apiKeyHeader === undefined ? [] : [{ apiKey: [] }])];
  const writer = new SchemaWriter(options.schema);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes.operations) {
    const path = writePath(route.path);
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: operationOf(route, writer, signIns, tooManyOf(route, options)),
    };
  }
  for (const route of routes.proxies)
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: describeProxy(route, signIns, tooManyOf(route, options)),
    };
  return {
    openapi: '3.1.0',
    info: { title: options.title, version: options.version },
    servers: options.prefixes.map((url) => ({ url })),
    paths,
    components: {
      schemas: { Problem: problemSchema, ...writer.components },
      responses: {
        Problem: { description: 'What went wrong (RFC 9457).', content: problemContent },
        TooManyRequests: { description: 'A rate limit is reached.', headers: limitHeaders, content: problemContent },
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        ...(apiKeyHeader !== undefined && { apiKey: { type: 'apiKey', in: 'header', name: apiKeyHeader } }),
      },
    },
    // Some routes need nobody in particular: the empty object.
    security: [{}, ...signIns],
  };
}

const problemSchema: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};
const limitHeaders: Json = {
  'Retry-After': { description: 'Seconds until it may be asked again.', schema: { type: 'integer' } },
  'RateLimit-Policy': { description: 'Each limit: `"name";q=quota;w=seconds`.', schema: { type: 'string' } },
  RateLimit: { description: 'What is left of each: `"name";r=left;t=seconds`.', schema: { type: 'string' } },
};
const problemContent: Json = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** The answer to who asks too often, with what the route allows. */
function tooManyOf(route: AnyRoute, { limitsOf }: OpenApiOptions): Json {
  const limits = limitsOf(route);
  // Beside `$ref`, a description stands in place of that of what is meant (OpenAPI 3.1, section 4.8.23).
  return {
    $ref: '#/components/responses/TooManyRequests',
    ...(limits.length > 0 && { description: `A rate limit is reached: ${limits.join('; ')}.` }),
  };
}

function operationOf(route: RestRoute, writer: SchemaWriter, signIns: readonly Json[], tooMany: Json): Json {
  const { description, operationName } = route;
  const body = bodyOf(route, writer);
  const field = outcomeOf(route, writer);
  const [summary, ...more] = (description ?? operationName).split('\n');
  return {
    operationId: operationName,
    summary,
    ...(more.length > 0 && { description: more.join('\n') }),
    ...(field.deprecated && { deprecated: true }),
    ...(route.authenticated && { security: signIns }),
    parameters: parametersOf(route, writer),
    ...(body && { requestBody: body }),
    responses: {
      [String(route.status)]:
        route.status === 204
          ? { description: 'Done.' }
          : { description: 'Success.', content: { 'application/json': { schema: field.schema } } },
      ...(route.method === 'GET' && { 304: { description: 'What `If-None-Match` names still holds.' } }),
      429: tooMany,
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

function parametersOf(route: RestRoute, writer: SchemaWriter): Json[] {
  const inPath = new Set(route.path.flatMap((part) => (part.kind === 'variable' ? [part.name] : [])));
  const headers = new Map([...route.headers].map(([header, name]) => [name, header]));
  const takesBody = route.method !== 'GET' && route.method !== 'DELETE';
  const parameters = route.variables.flatMap((variable): Json[] => {
    const { name } = variable;
    const schema = withDefault(withoutNull(writer.input(variable.type)), variable.defaultValue);
    const rest = { schema, ...(Object.hasOwn(route.example, name) && { example: route.example[name] }) };
    if (inPath.has(name)) return [{ name, in: 'path', required: true, ...rest }];
    const header = headers.get(name);
    const required = isRequired(variable);
    if (header !== undefined) return [{ name: header, in: 'header', required, ...rest }];
    return takesBody ? [] : [{ name, in: 'query', required, ...rest }];
  });
  if (route.operation === 'query' || headers.size > 0) return parameters;
  const key = { name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 255 } };
  return [...parameters, key];
}

const isRequired = ({ type, defaultValue }: RestVariable) => isNonNullType(type) && defaultValue === undefined;

function withDefault(schema: Json, value: unknown): Json {
  return value === undefined || value === null ? schema : { ...schema, default: value };
}

function bodyOf(route: RestRoute, writer: SchemaWriter): Json | undefined {
  if (route.method === 'GET' || route.method === 'DELETE') return undefined;
  const elsewhere = new Set([
    ...route.path.flatMap((part) => (part.kind === 'variable' ? [part.name] : [])),
    ...route.headers.values(),
  ]);
  const own = route.variables.filter(({ name }) => !elsewhere.has(name));
  const whole = own.find(({ name }) => name === route.body);
  if (own.length === 0) return undefined;
  const schema = whole
    ? withoutNull(writer.input(whole.type))
    : {
        type: 'object',
        additionalProperties: false,
        required: own.filter(isRequired).map(({ name }) => name),
        properties: Object.fromEntries(
          own.map(({ name, type, defaultValue }) => [name, withDefault(writer.input(type), defaultValue)]),
        ),
      };
  const given = own.filter(({ name }) => Object.hasOwn(route.example, name));
  const values = Object.fromEntries(given.map(({ name }) => [name, route.example[name]]));
  const example = whole ? values[whole.name] : values;
  const content = { schema, ...(given.length > 0 && { example }) };
  return { required: (whole ? [whole] : own).some(isRequired), content: { 'application/json': content } };
}

function outcomeOf(route: RestRoute, writer: SchemaWriter): { readonly schema: Json; readonly deprecated: boolean } {
  const [operation] = route.document.definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new TypeError('a route has no operation');
  const fragments = new Map(
    route.document.definitions.flatMap((node) =>
      node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [],
    ),
  );
  return writer.outcome(operation.selectionSet, operation.operation, fragments, route.unwrap);
}

/** A schema without the null that GraphQL allows: a parameter is there or not, and the unwrapped value is never null. */
function withoutNull(schema: Json): Json {
  const { type, anyOf } = schema;
  if (Array.isArray(type)) return { ...schema, type: type.find((name) => name !== 'null') };
  if (!Array.isArray(anyOf)) return schema;
  const [only] = anyOf.filter((part: Json) => part.type !== 'null');
  return only as Json;
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The fields of one object; `certain`: the names that always are there. */
interface Collected {
  readonly fields: Map<string, FieldNode[]>;
  readonly certain: Set<string>;
}

const scalars: Readonly<Record<string, Json>> = {
  Int: { type: 'integer', format: 'int32' },
  Float: { type: 'number' },
  Boolean: { type: 'boolean' },
  String: { type: 'string' },
  ID: { type: 'string' },
  DateTime: { type: 'string', format: 'date-time' },
};

/** JSON Schemas of GraphQL types; enums and inputs become components, by their names. */
class SchemaWriter {
  readonly components: Record<string, Json> = {};

  constructor(private readonly graph: GraphQLSchema) {}

  input(type: GraphQLInputType): Json {
    if (isNonNullType(type)) return this.inputOf(type.ofType);
    return orNull(this.inputOf(type));
  }

  private inputOf(type: GraphQLInputType): Json {
    if (isListType(type)) return { type: 'array', items: this.input(type.ofType) };
    return this.named(getNamedType(type));
  }

  private named(type: GraphQLNamedType): Json {
    const { name } = type;
    if (isEnumType(type)) {
      const values = type.getValues().map((value) => value.name);
      this.components[name] ??= { type: 'string', enum: values, ...described(type) };
      return { $ref: `#/components/schemas/${name}` };
    }
    if (!isInputObjectType(type)) return scalars[name] ?? described(type);
    if (!(name in this.components)) {
      // Before its fields, which may be of its own type.
      this.components[name] = {};
      const fields = Object.values(type.getFields());
      this.components[name] = {
        type: 'object',
        additionalProperties: false,
        ...described(type),
        required: fields
          .filter((field) => isNonNullType(field.type) && field.defaultValue === undefined)
          .map((field) => field.name),
        properties: Object.fromEntries(
          fields.map((field) => [
            field.name,
            {
              ...withDefault(this.input(field.type), field.defaultValue),
              ...described(field),
              ...(field.deprecationReason != null && { deprecated: true }),
            },
          ]),
        ),
      };
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** What is answered, along `unwrap`. */
  outcome(
    set: SelectionSetNode,
    operation: 'query' | 'mutation' | 'subscription',
    fragments: Fragments,
    unwrap: readonly string[],
  ) {
    const root = this.graph.getRootType(operation as never);
    let schema: Json = root ? this.selected(root, [set], fragments) : {};
    let deprecated = false;
    for (const name of unwrap) {
      const properties = (withoutNull(schema).properties ?? {}) as Record<string, Json>;
      schema = properties[name] ?? {};
      deprecated ||= schema.deprecated === true;
    }
    return { schema: unwrap.length > 0 ? withoutNull(schema) : schema, deprecated };
  }

  private output(type: GraphQLOutputType, sets: readonly SelectionSetNode[], fragments: Fragments): Json {
    if (isNonNullType(type)) return this.outputOf(type.ofType, sets, fragments);
    return orNull(this.outputOf(type, sets, fragments));
  }

  private outputOf(type: GraphQLOutputType, sets: readonly SelectionSetNode[], fragments: Fragments): Json {
    if (isListType(type)) return { type: 'array', items: this.output(type.ofType, sets, fragments) };
    const named = getNamedType(type);
    return isCompositeType(named) ? this.selected(named, sets, fragments) : this.named(named);
  }

  /** The object that a selection makes; of an abstract type, one for each type that it may be. */
  private selected(type: GraphQLNamedType, sets: readonly SelectionSetNode[], fragments: Fragments): Json {
    if (isAbstractType(type)) {
      const kinds = this.graph.getPossibleTypes(type).map((kind) => this.selected(kind, sets, fragments));
      const distinct = [...new Map(kinds.map((kind) => [JSON.stringify(kind), kind])).values()];
      return distinct.length === 1 ? (distinct[0] ?? {}) : { anyOf: distinct };
    }
    const fields = new Map<string, FieldNode[]>();
    const certain = new Set<string>();
    for (const set of sets) this.collect(type, set, fragments, { fields, certain }, true);
    return {
      type: 'object',
      required: [...certain],
      properties: Object.fromEntries([...fields].map(([name, nodes]) => [name, this.field(type, nodes, fragments)])),
    };
  }

  private collect(
    type: GraphQLNamedType,
    set: SelectionSetNode,
    fragments: Fragments,
    into: Collected,
    isCertain: boolean,
  ): void {
    for (const node of set.selections) {
      // What is skipped or included may be missing, with all that a fragment holds.
      const isAlways = isCertain && (node.directives ?? []).length === 0;
      if (node.kind === Kind.FIELD) {
        const name = (node.alias ?? node.name).value;
        into.fields.set(name, [...(into.fields.get(name) ?? []), node]);
        if (isAlways) into.certain.add(name);
        continue;
      }
      const fragment = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value) : node;
      const condition = fragment?.typeCondition && this.graph.getType(fragment.typeCondition.name.value);
      const applies =
        !condition ||
        condition === type ||
        (isAbstractType(condition) && isObjectType(type) && this.graph.isSubType(condition, type));
      if (fragment && applies) this.collect(type, fragment.selectionSet, fragments, into, isAlways);
    }
  }

  private field(type: GraphQLNamedType, nodes: readonly FieldNode[], fragments: Fragments): Json {
    const [first] = nodes;
    const name = first?.name.value ?? '';
    const field =
      name === '__typename' ? TypeNameMetaFieldDef : isObjectType(type) ? type.getFields()[name] : undefined;
    if (!field) return {};
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const schema = this.output(field.type, sets, fragments);
    const deprecated = field.deprecationReason == null ? {} : { deprecated: true };
    return { ...schema, ...described(field), ...deprecated };
  }
}

function orNull(schema: Json): Json {
  if (typeof schema.type === 'string') return { ...schema, type: [schema.type, 'null'] };
  if (Object.keys(schema).length === 0) return schema;
  return { anyOf: [schema, { type: 'null' }] };
}

function described({ description }: { readonly description?: string | null | undefined }): Json {
  return description ? { description } : {};
}
