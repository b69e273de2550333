/**
 * Which document a request asks for: by its text, by the id of a trusted one, or by the hash of an automatic persisted
 * query. In: checked parameters. Out: the text where it is known. Clock: per request.
 * Ids come as Apollo (`extensions.persistedQuery`), Relay (`doc_id`, `id`) and GraphQL over HTTP (`documentId`) send them.
 */
import { ClientError } from '../errors';
import type { GraphQLParams } from './door';
import { persistedQueryOf } from './graphql-request';

/** The documents that ids stand for, and what may run beside them. */
export interface TrustedDocuments {
  /** Whether other documents may run, and hashes may be registered. */
  readonly takesOthers: boolean;
  /** The text of the document with this id; undefined for an id that is not on the list. */
  find(id: string): string | undefined;
  /**
   * Why a document that was sent as text must not run; undefined when it may. Codes: QUERY_NOT_IN_SAFELIST,
   * PERSISTED_QUERY_ID_REQUIRED.
   */
  judge(text: string, operationName: string | undefined): ClientError | undefined;
}

export interface DocumentChoice {
  /** With the text as `query` where it is known. */
  readonly params: GraphQLParams;
  /** Of an automatic persisted query. */
  readonly hash: string | undefined;
  /** Whether an id named it: then nothing is left to judge. */
  readonly isTrusted: boolean;
}

/** Throws BAD_REQUEST, CANNOT_SEND_PQ_ID_AND_BODY, PERSISTED_QUERY_NOT_IN_LIST. */
export function chooseDocument(params: GraphQLParams, trusted: TrustedDocuments | undefined): DocumentChoice {
  const { query, documentId } = params;
  const id = trusted && (documentId ?? idInExtensions(params));
  if (trusted && id !== undefined) {
    if (query && (documentId !== undefined || !trusted.takesOthers)) throw eitherOr();
    const text = query ? undefined : trusted.find(id);
    if (text !== undefined) return { params: withText(params, text), hash: undefined, isTrusted: true };
    if (documentId !== undefined || !trusted.takesOthers) throw notInList(id);
  }
  const hash = persistedQueryOf(params);
  if (!query && hash === undefined) {
    throw new ClientError('BAD_REQUEST', 'The request has no "query": it must be a non-empty string.');
  }
  return { params, hash, isTrusted: false };
}

/** An id of Apollo's conventions is a hash as a rule, but any text may be one. */
function idInExtensions({ extensions }: GraphQLParams): string | undefined {
  const { sha256Hash } = (extensions?.persistedQuery ?? {}) as { sha256Hash?: unknown };
  return typeof sha256Hash === 'string' ? sha256Hash : undefined;
}

/** Nothing behind it, Apollo Server least of all, is to look for a persisted query again. */
function withText(params: GraphQLParams, text: string): GraphQLParams {
  const { persistedQuery: _id, ...extensions } = params.extensions ?? {};
  return { ...params, query: text, documentId: undefined, extensions: params.extensions && extensions };
}

function eitherOr(): ClientError {
  return new ClientError('CANNOT_SEND_PQ_ID_AND_BODY', 'Send the id of a document or its text, not both.');
}

function notInList(id: string): ClientError {
  const shown = id.length > 100 ? `${id.slice(0, 100)}…` : id;
  return new ClientError('PERSISTED_QUERY_NOT_IN_LIST', `There is no trusted document with the id "${shown}".`);
}
