/**
 * Known documents under a new supergraph: which of them it does not allow, and the others made ready before it serves.
 * In: a set of operations, a generation. Out: problems; prepared operations. Clock: per supergraph.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Operation, ValidDocument } from '../operation/document';
import type { TrustedDocument } from '../operation/manifests';
import type { FileProblem } from '../operation/operation-files';
import { maxTold, type OperationSet } from '../operation/operation-library';
import type { Log } from '../telemetry/log';
import type { Generation } from './generation';

export type PreparedGeneration = Pick<Generation, 'readAhead' | 'readDocument' | 'engine'>;

export interface KnownDocumentsOptions {
  /** `hold`: a supergraph that does not allow one of them does not replace the one that serves. */
  readonly misfits: 'report' | 'hold';
  /** For making ready what it allows. */
  readonly timeoutMs: number;
  readonly log: Log;
}

export class KnownDocuments {
  constructor(
    private readonly library: { readonly current: OperationSet },
    private readonly options: KnownDocumentsOptions,
  ) {}

  /** Prepares every document before `generation` serves; resolves with why it must not replace another, or nothing. */
  async makeReady(generation: PreparedGeneration, isFirst: boolean): Promise<string | undefined> {
    const { misfits, timeoutMs, log } = this.options;
    const { documents } = this.library.current;
    const problems = await findMisfits(documents, generation);
    for (const { file, message } of problems.slice(0, maxTold))
      log.error({ file, message }, 'A document does not fit the supergraph');
    if (problems.length > 0 && misfits === 'hold' && !isFirst) {
      const [first] = problems;
      return `${problems.length} of ${documents.length} known documents do not fit it: ${first?.message}`;
    }
    await prepareDocuments(documents, generation, timeoutMs);
    return undefined;
  }
}

/** What a generation does not allow, by the files and ids of the documents. */
export async function findMisfits(
  documents: readonly TrustedDocument[],
  generation: Pick<Generation, 'readAhead' | 'readDocument'>,
): Promise<readonly FileProblem[]> {
  const problems: FileProblem[] = [];
  for (const { id, text, file } of documents) {
    await generation.readAhead(text);
    const document = generation.readDocument(text);
    if (document.kind === 'refused') {
      for (const { message } of document.errors)
        problems.push({ file, line: 1, column: 1, message: `${id}: ${message}` });
    }
    await yieldToOthers();
  }
  return problems;
}

/** Plans and compiles documents one after the other, so that requests come in between; what fails is left to them. */
export async function prepareDocuments(
  documents: readonly TrustedDocument[],
  generation: PreparedGeneration,
  withinMs: number,
): Promise<void> {
  const endsAt = performance.now() + withinMs;
  for (const { text } of documents) {
    const document = generation.readDocument(text);
    if (document.kind === 'refused') continue;
    for (const [operation, conditions] of variantsOf(document)) {
      if (performance.now() > endsAt) return;
      await generation.engine.warm(operation, conditions, 0).catch(() => {});
      await yieldToOthers();
    }
  }
}

/** More conditions than this have too many combinations to prepare each. */
const maxConditions = 3;

/** Each operation that is planned, with each combination of its conditions. */
function variantsOf({ operations }: ValidDocument): readonly (readonly [Operation, string])[] {
  return operations.flatMap((operation) => {
    const { length } = operation.conditionVariables;
    if (operation.type === 'subscription' || length > maxConditions) return [];
    return Array.from({ length: 2 ** length }, (_each, combination) => {
      const values = Array.from({ length }, (_value, index) => ((combination >> index) & 1 ? 't' : 'f'));
      return [operation, values.join('')] as const;
    });
  });
}
