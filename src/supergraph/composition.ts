/**
 * Second step of a supergraph: its source in, supergraph SDL and hints out, or every error with file, line and column.
 * The planner thread composes; this side knows the files. Clock: per supergraph.
 */
import type { CompositionHintIssue, CompositionIssue } from './composition-issues';
import type { CompositionResult } from './planner-client';
import type { SubgraphSdl } from './planner-thread';
import type { FilePosition, SubgraphSource, SupergraphSource } from './sources';

/** What composition is asked of; `PlannerThread` is one. */
export interface Composer {
  compose(subgraphs: readonly SubgraphSdl[]): Promise<CompositionResult>;
}

export interface CompositionLocation extends FilePosition {
  readonly subgraph: string;
}

export interface CompositionProblem {
  readonly code: string;
  readonly message: string;
  /** Empty where it belongs to no subgraph in particular. */
  readonly locations: readonly CompositionLocation[];
}

export interface CompositionHint extends CompositionProblem {
  readonly level: string;
}

export type Composition =
  | { readonly kind: 'composed'; readonly supergraphSdl: string; readonly hints: readonly CompositionHint[] }
  | { readonly kind: 'failed'; readonly errors: readonly CompositionProblem[] };

/** Subgraphs that do not compose: its message lists every error as `subgraph: file:line:column CODE message`. */
export class CompositionError extends Error {
  constructor(
    readonly file: string,
    readonly errors: readonly CompositionProblem[],
  ) {
    super(errors.map((error) => formatCompositionProblem(error, file)).join('\n'));
  }
}

/** Composes the subgraphs of a source; a source that is a supergraph already is handed on as it is. */
export async function composeSupergraph(source: SupergraphSource, composer: Composer): Promise<Composition> {
  if (source.kind === 'supergraph') return { kind: 'composed', supergraphSdl: source.sdl, hints: [] };
  const subgraphs = new Map(source.subgraphs.map((subgraph) => [subgraph.name, subgraph]));
  const result = await composer.compose(source.subgraphs.map(({ name, url, sdl }) => ({ name, url, sdl })));
  if (result.kind === 'not-composed') {
    return { kind: 'failed', errors: result.errors.map((error) => locateIssue(error, subgraphs)) };
  }
  const hints = result.hints.map((hint: CompositionHintIssue) => ({
    ...locateIssue(hint, subgraphs),
    level: hint.level,
  }));
  return { kind: 'composed', supergraphSdl: result.supergraphSdl, hints };
}

function locateIssue(issue: CompositionIssue, subgraphs: ReadonlyMap<string, SubgraphSource>): CompositionProblem {
  const locations = issue.locations.flatMap(({ subgraph, line, column }) => {
    const position = subgraphs.get(subgraph)?.locate(line, column);
    return position === undefined ? [] : [{ subgraph, ...position }];
  });
  return { code: issue.code, message: issue.message, locations };
}

/**
 * `users: users.graphql:3:11 KEY_INVALID_FIELDS message`, then indented what does not fit: further lines of the message
 * and the first position in each other subgraph. Without a position, `file` (the supergraph's) stands for it.
 */
export function formatCompositionProblem({ code, message, locations }: CompositionProblem, file: string): string {
  const [first = { subgraph: 'supergraph', file, line: 1, column: 1 }, ...others] = locations;
  const seen = new Set([first.subgraph]);
  const elsewhere = others.filter(({ subgraph }) => !seen.has(subgraph) && seen.add(subgraph));
  const text = message.replace(/\n/g, '\n  ');
  const more = elsewhere.map((location) => `\n  also ${formatLocation(location)}`);
  return `${formatLocation(first)} ${code} ${text}${more.join('')}`;
}

function formatLocation({ subgraph, file, line, column }: CompositionLocation): string {
  return `${subgraph}: ${file}:${line}:${column}`;
}
