/**
 * What a client's socket says, read: messages of graphql-transport-ws, and which document a `subscribe` asks for.
 * Text of a frame in, checked values out. Clock: per message. The only file that knows the parser of graphql-ws.
 */
import { parseMessage, type SubscribeMessage } from 'graphql-ws';
import { chooseDocument, type TrustedDocuments } from './document-choice';
import type { GraphQLParams } from './door';

/** The protocol's close codes. */
export const closeCodes = {
  badMessage: 4400,
  unauthorized: 4401,
  initTimeout: 4408,
  duplicateId: 4409,
  secondInit: 4429,
  goingAway: 1001,
  tooSlow: 1013,
} as const;

/** The message of a frame. Throws for what is none. */
export function readMessage(text: string): ReturnType<typeof parseMessage> {
  const message: unknown = JSON.parse(text);
  const { payload } = (message ?? {}) as { payload?: unknown };
  // The protocol wants a text, and who names a document by its id has none.
  const named = typeof payload === 'object' && payload !== null && 'documentId' in payload && !('query' in payload);
  return parseMessage(named ? { ...(message as object), payload: { ...payload, query: '' } } : message);
}

/**
 * What a `subscribe` asks, with the text of its document.
 * Throws BAD_REQUEST, and what refuses a document: see `chooseDocument` and `TrustedDocuments.judge`.
 */
export function readSubscribe(
  payload: SubscribeMessage['payload'],
  trusted: TrustedDocuments | undefined,
): { readonly params: GraphQLParams; readonly source: string } {
  const { documentId } = payload as { readonly documentId?: unknown };
  const asked = {
    query: payload.query,
    documentId: typeof documentId === 'string' && documentId !== '' ? documentId : undefined,
    operationName: payload.operationName ?? undefined,
    variables: payload.variables ?? undefined,
    extensions: payload.extensions ?? undefined,
  };
  const { params, isTrusted } = chooseDocument(asked, trusted);
  // Without a text it is a hash, and what is registered over HTTP stands for nothing here.
  const source = params.query ?? '';
  const refusal = isTrusted ? undefined : trusted?.judge(source, params.operationName);
  if (refusal) throw refusal;
  return { params, source };
}
