/**
 * Documents of one generation, by their text: what was accepted, and apart from it what was refused, so that
 * refusing the same document again costs a lookup, and new refused ones never displace accepted ones.
 * Clock: per document.
 */
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import {
  adoptDocument,
  type DocumentOptions,
  type Operation,
  type Refused,
  readDocument,
  type ValidDocument,
} from './document';

const maxRefusedBytes = 5_000_000;
const bytesOfError = 300;

export class DocumentCache {
  private readonly valid: LRUCache<string, ValidDocument>;
  private readonly refused: LRUCache<string, Refused>;
  /** Documents that a host has parsed and validated itself. */
  private readonly adopted = new WeakMap<DocumentNode, ValidDocument | Refused>();
  private readonly texts = new WeakMap<Operation, string>();

  /** `maxBytes`: of the accepted documents and all that is prepared for them. */
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly options: DocumentOptions,
    maxBytes: number,
  ) {
    this.valid = new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ bytes }, text) => bytes + text.length + 1_000 });
    this.refused = new LRUCache({
      maxSize: maxRefusedBytes,
      sizeCalculation: ({ errors }, text) => text.length + errors.length * bytesOfError,
    });
  }

  /** Parses, limits and validates `text`, once as long as it is remembered. Codes: see `readDocument`. */
  read(text: string): ValidDocument | Refused {
    const known = this.valid.get(text) ?? this.refused.get(text);
    if (known) return known;
    const document = readDocument(text, this.schema, this.options);
    if (document.kind === 'valid') {
      this.valid.set(text, document);
      this.noteText(document, text);
    } else this.refused.set(text, withoutStacks(document));
    return document;
  }

  /** A document that the host has parsed and validated against this schema: the limits alone are left to check. */
  adopt(document: DocumentNode, text: string | undefined): ValidDocument | Refused {
    const known = (text === undefined ? undefined : this.valid.get(text)) ?? this.adopted.get(document);
    if (known) return known;
    const adopted = adoptDocument(document, this.options);
    this.adopted.set(document, adopted);
    if (adopted.kind === 'valid' && text !== undefined) this.noteText(adopted, text);
    return adopted;
  }

  /** The text of the document that an operation is part of, where it is known. */
  textOf(operation: Operation): string | undefined {
    return this.texts.get(operation);
  }

  private noteText({ operations }: ValidDocument, text: string): void {
    for (const operation of operations) this.texts.set(operation, text);
  }
}

/** An unread stack holds on to whatever its functions worked on: here the whole document. */
function withoutStacks(refused: Refused): Refused {
  for (const error of refused.errors) error.stack = error.message;
  return refused;
}
