/**
 * An entity fetch of a query plan -> a step: representations of the objects at a path are asked for, and what comes
 * back is merged into the objects they stand for. Clock: per document (compiled), per request (run).
 */
import type { ErrorCode } from '../errors';
import type { Trail } from '../telemetry/trail';
import type { ContextArguments } from './context-arguments';
import { collectObjects, type DataObject, isDataObject, mergeObject, noteShared, readOwn } from './data';
import { type EntityPart, type EntityTable, malformedEntities } from './entity-loader';
import type { Failure } from './failures';
import { type CompiledFetch, placeErrors, placeGeneralErrors } from './fetch';
import type { Run, Step } from './program';
import type { FindSlot, Missing } from './representations';
import type { SupergraphTypes } from './supergraph-types';

/** Objects, the slot of each, and the parts of requests that bring the answers. */
interface Wanted {
  readonly table: EntityTable;
  readonly objects: readonly DataObject[];
  /** By object; `noSlot` for those that are not asked about. */
  readonly slots: readonly number[];
  readonly parts: EntityPart[];
}

const noSlot = -1;

/** What an entity fetch is made of. */
export interface EntityStepOptions {
  readonly fetch: CompiledFetch;
  readonly path: readonly string[];
  readonly find: FindSlot;
  readonly types: SupergraphTypes;
  /** For a fetch with arguments that depend on where its objects stand. */
  readonly context?: ContextArguments;
  /** Whether equal entities at two places may get different values below them: then they share no objects. */
  readonly isCopied: boolean;
}

/** A step that completes the objects at `path` with what `fetch` selects. */
export function entityStep(options: EntityStepOptions): Step {
  const { fetch } = options;
  return async (run) => {
    const groups = collectWanted(options, run);
    for (const { parts } of groups) for (const part of parts) await part.answered;
    for (const { table, objects, slots, parts } of groups) {
      for (let index = 0; index < objects.length; index++) {
        const slot = slots[index] as number;
        if (slot !== noSlot) mergeSlot(options, run, table, slot, objects[index] as DataObject);
      }
      for (const part of parts) {
        const general = part.answer?.kind === 'entities' ? part.answer.errors?.get(undefined) : undefined;
        const targets = general ? objects.filter((_object, index) => slots[index] !== noSlot) : [];
        if (general) placeGeneralErrors(fetch, run.failures, targets, general);
      }
    }
  };
}

/** Of a fetch with arguments from a context, those with equal arguments together. */
function collectWanted({ fetch, path, find, types, context }: EntityStepOptions, run: Run): Wanted[] {
  if (!context) return [want(fetch, collectObjects(run.data, path, types), find, run)];
  return [...context.divide(run.data.root, path)].map(([own, objects]) => want(own, objects, find, run));
}

function want(fetch: CompiledFetch, objects: readonly DataObject[], find: FindSlot, run: Run): Wanted {
  run.context.trail?.wants(fetch.subgraph, objects.length);
  const table = run.entities.tableOf(fetch);
  const slots: number[] = [];
  const parts: EntityPart[] = [];
  let lastPart: EntityPart | undefined;
  for (const object of objects) {
    const slot = find(object, table.slots);
    if (typeof slot === 'number') {
      slots.push(slot);
      const part = table.partOf(slot);
      if (part !== lastPart && !parts.includes(part)) parts.push(part);
      lastPart = part;
    } else {
      slots.push(noSlot);
      if (slot) placeMissing(fetch, object, slot, run);
    }
  }
  return { table, objects, slots, parts };
}

/** What is missing because of a failure fails what depends on it, for the same reason. */
function placeMissing(fetch: CompiledFetch, object: DataObject, { container, key }: Missing, { failures }: Run): void {
  const value = readOwn(container, key);
  const [cause] = failures.explain(container, key, value) ?? [];
  // Beside each other in one object, it is told where it happened.
  const origin = container === object ? cause?.path : 'elsewhere';
  if (cause) failures.placeAtMissing(object, fetch.expected, cause.failure, origin);
  else if (value === undefined) failures.placeAtMissing(object, fetch.expected, unidentified(fetch.subgraph));
}

function unidentified(subgraph: string): Failure {
  const code: ErrorCode = 'INVALID_SUBGRAPH_DATA';
  return {
    message: `What subgraph '${subgraph}' has to be given was not answered.`,
    extensions: { code, serviceName: subgraph },
    isOfUnanswered: true,
  };
}

function mergeSlot(
  { fetch, types, isCopied }: EntityStepOptions,
  { data, failures, context }: Run,
  table: EntityTable,
  slot: number,
  target: DataObject,
): void {
  const { answer, first } = table.partOf(slot);
  if (answer?.kind !== 'entities') {
    failures.placeAtMissing(target, fetch.expected, answer?.failure ?? malformedEntities(fetch.subgraph));
    return;
  }
  const index = slot - first;
  const entity = answer.entities[index];
  const errors = answer.errors?.get(index);
  if (isDataObject(entity)) {
    mergeObject(target, isCopied ? structuredClone(entity) : entity, types);
    if (table.use(slot) === 2 && !isCopied) noteShared(entity, data.shared);
  } else if (!errors) {
    if (entity !== null) failures.placeAtMissing(target, fetch.expected, malformedEntities(fetch.subgraph));
    else {
      // That nobody knows the object is an answer, for what has to be given to other subgraphs too.
      for (const { name } of fetch.expected) target[name] ??= null;
      if (context.trail) noteUnknown(context.trail, fetch, target);
    }
  }
  if (errors) placeErrors(fetch, failures, target, errors, 2, isDataObject(entity) ? entity : undefined);
}

function noteUnknown(trail: Trail, { subgraph, expected }: CompiledFetch, target: DataObject): void {
  trail.doesNotKnow(
    subgraph,
    target,
    expected.map(({ name }) => name),
  );
}
