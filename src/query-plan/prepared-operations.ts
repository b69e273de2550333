/**
 * The executable forms of the operations of one generation, one for each combination of condition values and of
 * excluded fields, and how often each was used. An operation without either keeps its own as long as it lives itself;
 * the others are bounded together in bytes: k conditions have 2^k values, and a client chooses them.
 * Clock: per document.
 */
import { LRUCache } from 'lru-cache';
import type { Operation } from '../operation/document';

export interface PreparedVariant<Executable> {
  readonly operation: Operation;
  /** As in `CheckedVariables`. */
  readonly conditions: string;
  /** Its name among those of the operation. */
  readonly key: string;
  readonly executable: Promise<Executable>;
  uses: number;
}

export class PreparedOperations<Executable> {
  private readonly byOperation = new WeakMap<Operation, Map<string, PreparedVariant<Executable>>>();
  private readonly conditional: LRUCache<PreparedVariant<Executable>, true>;
  /** All of them, for counting; who keeps them alive is told above. */
  private known: WeakRef<PreparedVariant<Executable>>[] = [];
  private sweepAt = 1_000;

  /** `bytesOf`: what keeping an executable form costs, its plans included. */
  constructor(
    maxConditionalBytes: number,
    private readonly bytesOf: (executable: Executable) => number,
  ) {
    this.conditional = new LRUCache({ maxSize: maxConditionalBytes, dispose: (_, variant) => this.forget(variant) });
  }

  /**
   * The executable form, of earlier or of `prepare`. Concurrent calls share the work; a failure is forgotten.
   * `exclusions`: the key of what is excluded, empty when nothing is.
   */
  get(
    operation: Operation,
    conditions: string,
    exclusions: string,
    prepare: () => Promise<Executable>,
  ): Promise<Executable> {
    let variants = this.byOperation.get(operation);
    if (!variants) {
      variants = new Map();
      this.byOperation.set(operation, variants);
    }
    const key = exclusions === '' ? conditions : `${conditions}|${exclusions}`;
    const known = variants.get(key);
    if (known) {
      known.uses += 1;
      if (key !== '') this.conditional.get(known);
      return known.executable;
    }
    const variant = { operation, conditions, key, executable: prepare(), uses: 1 };
    variants.set(key, variant);
    // Which fields are excluded is known under one generation alone.
    if (exclusions === '') this.remember(variant);
    variant.executable.then(
      (executable) => this.bound(variant, executable),
      () => this.forget(variant),
    );
    return variant.executable;
  }

  /** Counts earlier uses, of another generation, as this one's. */
  addUses(operation: Operation, conditions: string, uses: number): void {
    const variant = this.byOperation.get(operation)?.get(conditions);
    if (variant) variant.uses += uses;
  }

  /** The most used first, without those that were made ready and not asked since. */
  mostUsed(limit: number): PreparedVariant<Executable>[] {
    this.sweep();
    return this.known
      .flatMap((reference) => reference.deref() ?? [])
      .filter(({ uses }) => uses > 0)
      .sort((a, b) => b.uses - a.uses)
      .slice(0, limit);
  }

  /** Forgets those that are bounded together; the others go with their operations. */
  flush(): void {
    this.conditional.clear();
  }

  private bound(variant: PreparedVariant<Executable>, executable: Executable): void {
    if (variant.key === '') return;
    this.conditional.set(variant, true, { size: Math.max(1, Math.ceil(this.bytesOf(executable))) });
    // One that is larger than all may be is not taken.
    if (!this.conditional.has(variant)) this.forget(variant);
  }

  private forget(variant: PreparedVariant<Executable>): void {
    const variants = this.byOperation.get(variant.operation);
    if (variants?.get(variant.key) === variant) variants.delete(variant.key);
  }

  private remember(variant: PreparedVariant<Executable>): void {
    this.known.push(new WeakRef(variant));
    if (this.known.length >= this.sweepAt) this.sweep();
  }

  private sweep(): void {
    this.known = this.known.filter((reference) => {
      const variant = reference.deref();
      return variant && this.byOperation.get(variant.operation)?.get(variant.key) === variant;
    });
    this.sweepAt = Math.max(1_000, 2 * this.known.length);
  }
}
