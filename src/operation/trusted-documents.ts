/**
 * Which documents may run: the list that ids stand for, and what may be sent as text beside it.
 * In: an id, or a text. Out: the text of the id; whether the text may run. Clock: per set of documents (the list), per
 * request (a lookup). A text that is not on the list is neither validated nor planned before it is refused.
 */
import { createHash } from 'node:crypto';
import { type DocumentNode, GraphQLError, Kind, parse, stripIgnoredCharacters } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { TrustedDocuments } from '../client/document-choice';
import { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { OperationSet } from './operation-library';

export interface TrustedDocumentsOptions {
  /** `only`: nothing else runs than what is on the list. */
  readonly mode: 'allow' | 'only';
  /** In mode `only`: a text is refused though it is on the list. */
  readonly requireId: boolean;
  /** In mode `only`: what would be refused is logged, and runs. */
  readonly dryRun: boolean;
  readonly log: Log;
}

interface List {
  readonly set: OperationSet;
  readonly texts: ReadonlyMap<string, string>;
  /** Of the documents, as they are in files and without what means nothing. */
  readonly known: ReadonlySet<string>;
}

type Standing = 'listed' | 'introspection' | 'unknown';

/** Characters: a longer text is compared as it is. */
const maxStripped = 100_000;
const maxIntrospectionTokens = 2_000;
const maxRememberedCharacters = 5_000_000;

/** The documents of a library, as it is at each request. */
export function createTrustedDocuments(
  library: { readonly current: OperationSet },
  options: TrustedDocumentsOptions,
): TrustedDocuments {
  return new DocumentList(library, options);
}

class DocumentList implements TrustedDocuments {
  readonly takesOthers: boolean;
  private last: List | undefined;
  private readonly standings = new LRUCache<string, Standing>({
    maxSize: maxRememberedCharacters,
    sizeCalculation: (_standing, text) => text.length + 100,
  });
  private readonly told = new LRUCache<string, true>({ max: 1_000 });

  constructor(
    private readonly library: { readonly current: OperationSet },
    private readonly options: TrustedDocumentsOptions,
  ) {
    this.takesOthers = options.mode === 'allow' || options.dryRun;
  }

  private get list(): List {
    const { current } = this.library;
    if (this.last?.set !== current) {
      this.last = createList(current);
      this.standings.clear();
    }
    return this.last;
  }

  find(id: string): string | undefined {
    const { texts } = this.list;
    return texts.get(id) ?? (id.startsWith(hashPrefix) ? texts.get(id.slice(hashPrefix.length)) : undefined);
  }

  judge(text: string, operationName: string | undefined): ClientError | undefined {
    const { mode, requireId, dryRun } = this.options;
    if (mode === 'allow') return undefined;
    const standing = this.standingOf(text);
    // Who must not ask the schema is refused by `server.introspection` and authorization.
    if (standing === 'introspection' || (standing === 'listed' && !requireId)) return undefined;
    const refusal = requireId
      ? new ClientError('PERSISTED_QUERY_ID_REQUIRED', 'Operations must be sent by the id of a trusted document.')
      : new ClientError('QUERY_NOT_IN_SAFELIST', 'This document is not one of the trusted documents.');
    if (!dryRun) return refusal;
    this.tell(text, operationName, refusal);
    return undefined;
  }

  private standingOf(text: string): Standing {
    const { known } = this.list;
    if (known.has(text)) return 'listed';
    let standing = this.standings.get(text);
    if (standing === undefined) {
      standing = isListed(text, known) ? 'listed' : isIntrospection(text) ? 'introspection' : 'unknown';
      this.standings.set(text, standing);
    }
    return standing;
  }

  /** Each document once: clients send the same ones again and again. */
  private tell(text: string, operationName: string | undefined, { code }: ClientError): void {
    const sha256 = hashOf(text);
    if (this.told.has(sha256)) return;
    this.told.set(sha256, true);
    const operation = operationName?.slice(0, 100) ?? /\b(?:query|mutation|subscription)\s+(\w{1,100})/.exec(text)?.[1];
    this.options.log.warn({ operation, sha256, code }, 'A document that is not trusted would be refused');
  }
}

/** As the persisted documents of GraphQL over HTTP name a document by its hash. */
const hashPrefix = 'sha256:';

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

function createList(set: OperationSet): List {
  const texts = new Map<string, string>();
  for (const { id, text } of set.documents) texts.set(id, text);
  // An id that was chosen stands above a hash that was not.
  for (const { text } of set.documents) if (!texts.has(hashOf(text))) texts.set(hashOf(text), text);
  return { set, texts, known: new Set(set.documents.flatMap(({ text, stripped }) => [text, stripped])) };
}

function isListed(text: string, known: ReadonlySet<string>): boolean {
  if (text.length > maxStripped) return false;
  try {
    return known.has(stripIgnoredCharacters(text));
  } catch (error) {
    if (error instanceof GraphQLError) return false;
    throw error;
  }
}

const introspectionFields: ReadonlySet<string> = new Set(['__schema', '__type', '__typename']);

/** Whether every operation of a document asks the schema alone. Tools send such texts, which no list has. */
function isIntrospection(text: string): boolean {
  if (!text.includes('__schema') && !text.includes('__type')) return false;
  let document: DocumentNode;
  try {
    document = parse(text, { noLocation: true, maxTokens: maxIntrospectionTokens });
  } catch {
    return false;
  }
  return document.definitions.every(
    (node) =>
      node.kind === Kind.FRAGMENT_DEFINITION ||
      (node.kind === Kind.OPERATION_DEFINITION &&
        node.selectionSet.selections.every(
          (field) => field.kind === Kind.FIELD && introspectionFields.has(field.name.value),
        )),
  );
}
