/**
 * Documents that clients name by an id: from operation files, and from the manifests that client tools write.
 * In: texts of files. Out: documents with their ids, or every problem with its file. Clock: per start, and when a file
 * changes. It knows no schema.
 */
import { GraphQLError, stripIgnoredCharacters } from 'graphql';
import type { FileOperation, FileProblem } from './operation-files';

export interface TrustedDocument {
  /** What clients may send instead of the text; its SHA-256 in hex is one as well. */
  readonly id: string;
  readonly text: string;
  /** The text without what means nothing: blanks, commas, comments. */
  readonly stripped: string;
  readonly file: string;
}

export interface ManifestResult {
  readonly documents: readonly TrustedDocument[];
  readonly problems: readonly FileProblem[];
}

/** An operation of a file is asked by its name. */
export function documentsOf(operations: readonly FileOperation[]): readonly TrustedDocument[] {
  return operations.map(({ name, source, file }) => {
    return { id: name, text: source, stripped: stripIgnoredCharacters(source), file };
  });
}

const apolloFormat = 'apollo-persisted-query-manifest';
const expected = `expected ${apolloFormat} version 1, or an object from ids to documents`;

/**
 * Reads a manifest: Apollo's (`{ format, version: 1, operations: [{ id, body }] }`), or an object from ids to texts, as
 * relay-compiler and the client preset of GraphQL Code Generator write it.
 */
export function readManifest(file: string, json: string): ManifestResult {
  const documents: TrustedDocument[] = [];
  const problems: FileProblem[] = [];
  const refuse = (message: string) => problems.push({ file, line: 1, column: 1, message });
  const entries = entriesOf(json);
  if (typeof entries === 'string') refuse(entries);
  else {
    for (const [id, text] of entries) {
      const document = typeof text === 'string' && id !== '' ? toDocument(id, text, file) : 'has no text or no id';
      if (typeof document === 'string') refuse(`document "${id.slice(0, 100)}": ${document}`);
      else documents.push(document);
    }
  }
  return { documents, problems };
}

function toDocument(id: string, text: string, file: string): TrustedDocument | string {
  try {
    return { id, text, stripped: stripIgnoredCharacters(text), file };
  } catch (error) {
    if (error instanceof GraphQLError) return error.message;
    throw error;
  }
}

/** Ids and what is there as their texts, or what is wrong with the whole. */
function entriesOf(json: string): readonly (readonly [string, unknown])[] | string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return `is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return expected;
  const { format, version, operations } = value as Readonly<Record<string, unknown>>;
  if (format === undefined) return Object.entries(value);
  if (format !== apolloFormat || version !== 1 || !Array.isArray(operations)) return expected;
  return operations.map((operation: unknown): [string, unknown] => {
    const { id, body } = (operation ?? {}) as { id?: unknown; body?: unknown };
    return [typeof id === 'string' ? id : '', body];
  });
}

/** One id stands for one document: more than one text of an id is told. */
export function findConflictingIds(documents: readonly TrustedDocument[]): readonly FileProblem[] {
  const seen = new Map<string, TrustedDocument>();
  return documents.flatMap((document) => {
    const { id, stripped, file } = document;
    const first = seen.get(id);
    if (first === undefined) seen.set(id, document);
    if (first === undefined || first.stripped === stripped) return [];
    return [{ file, line: 1, column: 1, message: `The id "${id}" stands for another document in ${first.file}.` }];
  });
}
