/**
 * Documents of one generation, by their text: what was accepted, and apart from it what was refused, so that
 * refusing the same document again costs a lookup, and new refused ones never displace accepted ones.
 * Clock: per document.
 */
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { finish, type Slices } from '../slices';
import type { CacheState } from '../telemetry/metrics';
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
/** Characters: up to some milliseconds. */
const maxReadAtOnce = 2_000;

export class DocumentCache {
  private readonly valid: LRUCache<string, ValidDocument>;
  private readonly refused: LRUCache<string, Refused>;
  /** Documents that a host has parsed and of which it gave no text. */
  private readonly adopted = new WeakMap<DocumentNode, ValidDocument | Refused>();
  private readonly texts = new WeakMap<Operation, string>();
  private readonly underWay = new Map<string, Promise<void>>();
  private hits = 0;
  private misses = 0;

  /** `maxBytes`: of the accepted documents and all that is prepared for them. */
  constructor(
    private readonly schema: GraphQLSchema,
    private readonly options: DocumentOptions,
    maxBytes: number,
    private readonly slices: Slices,
  ) {
    this.valid = new LRUCache({ maxSize: maxBytes, sizeCalculation: ({ bytes }, text) => bytes + text.length + 1_000 });
    this.refused = new LRUCache({
      maxSize: maxRefusedBytes,
      sizeCalculation: ({ errors }, text) => text.length + errors.length * bytesOfError,
    });
  }

  /** Of both kinds together. */
  get state(): CacheState {
    const { valid, refused, hits, misses } = this;
    return { entries: valid.size + refused.size, bytes: valid.calculatedSize + refused.calculatedSize, hits, misses };
  }

  flush(): void {
    this.valid.clear();
    this.refused.clear();
  }

  /** Parses, limits and validates `text`, once as long as it is remembered. Codes: see `readDocument`. */
  read(text: string): ValidDocument | Refused {
    const known = this.valid.get(text) ?? this.refused.get(text);
    if (known) {
      this.hits += 1;
      return known;
    }
    this.misses += 1;
    const document = finish(readDocument(text, this.schema, this.options));
    this.remember(text, document);
    return document;
  }

  /**
   * Reads a long text that is new in slices, so that `read` has nothing left to do for it: resolves when that is so.
   * Undefined when it is so already, or is done soon.
   */
  readAhead(text: string): Promise<void> | undefined {
    if (text.length <= maxReadAtOnce || this.valid.has(text) || this.refused.has(text)) return undefined;
    let reading = this.underWay.get(text);
    if (!reading) {
      reading = this.slices
        .run(readDocument(text, this.schema, this.options))
        .then((document) => this.remember(text, document))
        .finally(() => this.underWay.delete(text));
      this.underWay.set(text, reading);
    }
    return reading;
  }

  private remember(text: string, document: ValidDocument | Refused): void {
    if (document.kind === 'valid') {
      this.valid.set(text, document);
      this.noteText(document, text);
    } else this.refused.set(text, withoutStacks(document));
  }

  /**
   * A document that a host has parsed. Its text is read as any other: whether the host has validated it, and by which
   * rules, is not known here.
   */
  adopt(document: DocumentNode, text: string | undefined): ValidDocument | Refused {
    if (text !== undefined) return this.read(text);
    let adopted = this.adopted.get(document);
    if (!adopted) {
      adopted = adoptDocument(document, this.schema, this.options);
      this.adopted.set(document, adopted);
    }
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
