/**
 * First step of a supergraph: a file in, subgraph schemas (or a composed supergraph) with their positions out.
 * `supergraph.yaml` is what rover reads; `SUPERGRAPH.graphql` is what a composition wrote. Clock: per supergraph.
 * It composes nothing and knows nothing of the running gateway.
 */
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import {
  checkValue,
  type Environment,
  formatPath,
  locateWithin,
  type Path,
  type Problem,
  parseYaml,
} from '../config/yaml-file';

/** Lines and columns count from 1. */
export interface FilePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface SubgraphSource {
  readonly name: string;
  /** The routing URL. */
  readonly url: string;
  readonly sdl: string;
  /** Where whoever wrote the SDL finds one of its positions. */
  locate(line: number, column: number): FilePosition;
}

export type SupergraphSource =
  | {
      readonly kind: 'subgraphs';
      readonly file: string;
      readonly subgraphs: readonly SubgraphSource[];
      /** Whether a schema was asked of its subgraph. */
      readonly isIntrospected: boolean;
      /** Every file that was read. */
      readonly files: readonly string[];
      /** Subgraphs that could not be introspected now: their schema is the last one they gave. */
      readonly stale: readonly Problem[];
    }
  | { readonly kind: 'supergraph'; readonly file: string; readonly sdl: string };

export type SourceResult =
  | { readonly kind: 'source'; readonly source: SupergraphSource }
  | {
      readonly kind: 'problems';
      readonly problems: readonly Problem[];
      /** Whether a subgraph that does not answer is one of them. */
      readonly isNetworkDown: boolean;
    };

export interface SourceOptions {
  /** For `${env.NAME}` in the file. */
  readonly env: Environment;
  /** What an introspection request carries besides the headers of the file: the gateway's own identity. */
  readonly headers?: (subgraph: string) => Readonly<Record<string, string>>;
  readonly fetch?: typeof fetch;
  readonly introspectionTimeoutMs?: number;
  /** Schemas that subgraphs gave before, by their URL; a subgraph that does not answer keeps its own. */
  readonly introspected?: Map<string, string>;
}

const sdlOrigins = ['file', 'subgraph_url', 'sdl'] as const;
const httpUrl = () => z.url({ protocol: /^https?$/, error: 'expected an http or https URL' });

const subgraphSchema = z
  .strictObject({
    routing_url: httpUrl().optional(),
    schema: z
      .strictObject({
        file: z.string().min(1).optional(),
        subgraph_url: httpUrl().optional(),
        introspection_headers: z.record(z.string(), z.string()).optional(),
        sdl: z.string().optional(),
      })
      .refine((schema) => givenOrigins(schema).length === 1, {
        error: ({ input }) =>
          `give exactly one of ${sdlOrigins.join(', ')}; given: ${givenOrigins(input).join(', ') || 'none'}`,
        when: ({ value }) => typeof value === 'object' && value !== null,
      }),
  })
  .refine(({ routing_url, schema }) => routing_url !== undefined || schema.subgraph_url !== undefined, {
    error: 'this key is required where the schema is not read from a subgraph_url',
    path: ['routing_url'],
  });

const supergraphFileSchema = z.strictObject({
  federation_version: z
    .unknown()
    .refine((version) => version === undefined || /^(=?v?\d+(\.\d+){0,2}|latest-\d+)$/.test(String(version)), {
      error: 'expected a federation version such as 2 or "=2.9.0"',
    })
    .optional(),
  subgraphs: z
    .record(z.string().regex(/^[^\s:]+$/, { error: 'a subgraph name has no blanks or colons' }), subgraphSchema)
    .refine((subgraphs) => Object.keys(subgraphs).length > 0, { error: 'name at least one subgraph' }),
});

type SubgraphEntry = z.output<typeof subgraphSchema>;

function givenOrigins(schema: unknown): readonly string[] {
  return sdlOrigins.filter((origin) => (schema as Record<string, unknown>)[origin] !== undefined);
}

/** Reads a `supergraph.yaml` with all its schemas, or a composed supergraph (any other extension than yaml and yml). */
export async function readSupergraphSource(file: string, options: SourceOptions): Promise<SourceResult> {
  const content = await readText(file);
  if (content.kind === 'failed') return refuse([{ file, path: '', message: content.message }]);
  if (!/\.ya?ml$/i.test(file)) return { kind: 'source', source: { kind: 'supergraph', file, sdl: content.text } };
  return readSubgraphs(file, content.text, options);
}

async function readSubgraphs(file: string, text: string, options: SourceOptions): Promise<SourceResult> {
  const parsed = parseYaml(file, text, options.env);
  if (parsed.problems.length > 0) return refuse(parsed.problems);
  const checked = checkValue(supergraphFileSchema, parsed.value, parsed.origin);
  if (checked.kind === 'problems') return refuse(checked.problems);
  const locate = (path: Path): FilePosition => ({ line: 1, column: 1, ...parsed.origin.locate(path, 'value') });
  const within = { file, text, locate };
  const entries = Object.entries(checked.value.subgraphs);
  const results = await Promise.all(
    entries.map(async ([name, entry]) => ({ name, entry, sdl: await readSdl(name, entry, within, options) })),
  );
  const problems: Problem[] = [];
  const stale: Problem[] = [];
  const subgraphs: SubgraphSource[] = [];
  const toProblem = ({ path, message }: SdlFailure): Problem => ({
    ...locate(path),
    path: formatPath(path),
    message,
  });
  for (const { name, entry, sdl } of results) {
    const url = entry.routing_url ?? entry.schema.subgraph_url ?? '';
    if (sdl.kind === 'failed') problems.push(toProblem(sdl));
    else subgraphs.push({ name, url, sdl: sdl.text, locate: sdl.locate });
    if (sdl.kind === 'read' && sdl.stale) stale.push(toProblem(sdl.stale));
  }
  if (problems.length > 0) return refuse(problems, results.some(isUnanswered));
  const isIntrospected = entries.some(([, { schema }]) => schema.subgraph_url !== undefined);
  const files = [file, ...entries.flatMap(([, { schema }]) => (schema.file ? [besides(file, schema.file)] : []))];
  return { kind: 'source', source: { kind: 'subgraphs', file, subgraphs, isIntrospected, files, stale } };
}

function refuse(problems: readonly Problem[], isNetworkDown = false): SourceResult {
  return { kind: 'problems', problems, isNetworkDown };
}

function isUnanswered({ entry, sdl }: { readonly entry: SubgraphEntry; readonly sdl: Sdl }): boolean {
  return sdl.kind === 'failed' && entry.schema.subgraph_url !== undefined;
}

function besides(supergraphFile: string, file: string): string {
  return isAbsolute(file) ? file : join(dirname(supergraphFile), file);
}

interface SupergraphFile {
  readonly file: string;
  readonly text: string;
  locate(path: Path): FilePosition;
}

interface SdlFailure {
  readonly path: Path;
  readonly message: string;
}

type Sdl =
  | {
      readonly kind: 'read';
      readonly text: string;
      /** Why it is not what the subgraph has now. */
      readonly stale?: SdlFailure;
      locate(line: number, column: number): FilePosition;
    }
  | ({ readonly kind: 'failed' } & SdlFailure);

async function readSdl(
  name: string,
  { schema }: SubgraphEntry,
  within: SupergraphFile,
  options: SourceOptions,
): Promise<Sdl> {
  const path = ['subgraphs', name, 'schema'];
  if (schema.file !== undefined) {
    const file = besides(within.file, schema.file);
    const content = await readText(file);
    if (content.kind === 'failed') return { ...content, path: [...path, 'file'] };
    return { ...content, locate: (line, column) => ({ file, line, column }) };
  }
  if (schema.subgraph_url !== undefined) {
    const url = schema.subgraph_url;
    const headers = { ...schema.introspection_headers, ...options.headers?.(name) };
    const content = await introspect(url, headers, options);
    const locateInAnswer = (line: number, column: number) => ({ file: url, line, column });
    if (content.kind === 'read') {
      options.introspected?.set(url, content.text);
      return { ...content, locate: locateInAnswer };
    }
    const failure = { path: [...path, 'subgraph_url'], message: content.message };
    const last = options.introspected?.get(url);
    if (last === undefined) return { kind: 'failed', ...failure };
    return { kind: 'read', text: last, stale: failure, locate: locateInAnswer };
  }
  const { file, ...start } = within.locate([...path, 'sdl']);
  return {
    kind: 'read',
    text: schema.sdl ?? '',
    locate: (line, column) => ({ file, ...locateWithin(within.text, start, line, column) }),
  };
}

type Content = { readonly kind: 'read'; readonly text: string } | { readonly kind: 'failed'; readonly message: string };

async function readText(file: string): Promise<Content> {
  try {
    return { kind: 'read', text: await readFile(file, 'utf8') };
  } catch (error) {
    return { kind: 'failed', message: `cannot be read: ${describe(error)}` };
  }
}

const introspectionResponse = z.object({ data: z.object({ _service: z.object({ sdl: z.string() }) }) });

/** Asks a subgraph for its SDL, as the subgraph specification defines: `{ _service { sdl } }`. */
async function introspect(
  url: string,
  headers: Readonly<Record<string, string>>,
  options: SourceOptions,
): Promise<Content> {
  try {
    const response = await (options.fetch ?? fetch)(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: 'query SubgraphSdl { _service { sdl } }' }),
      redirect: 'error',
      signal: AbortSignal.timeout(options.introspectionTimeoutMs ?? 10_000),
    });
    if (!response.ok) return { kind: 'failed', message: `introspection failed: HTTP status ${response.status}` };
    const parsed = introspectionResponse.safeParse(await response.json());
    if (parsed.success) return { kind: 'read', text: parsed.data.data._service.sdl };
    return { kind: 'failed', message: 'introspection failed: the answer holds no _service.sdl; is this a subgraph?' };
  } catch (error) {
    return { kind: 'failed', message: `introspection failed: ${describe(error)}` };
  }
}

/** `fetch` hides why it failed in the cause. */
function describe(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return cause?.message || message || String(error);
}
