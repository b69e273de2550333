/**
 * An entity fetch of a query plan -> a step: representations of the objects at a path are asked for, and what comes
 * back is merged into the objects they stand for. Clock: per document (compiled), per request (run).
 */
import type { ErrorCode } from '../errors';
import type { Trail } from '../telemetry/trail';
import type { ContextArguments } from './context-arguments';
import { collectObjects, type DataObject, isDataObject, mergeObject, noteShared, readOwn } from './data';
import { type EntityPart, type EntitySlot, malformedEntities } from './entity-loader';
import type { Failure } from './failures';
import { type CompiledFetch, placeErrors, placeGeneralErrors } from './fetch';
import type { Run, Step } from './program';
import { type FindSlot, Missing } from './representations';
import type { SupergraphTypes } from './supergraph-types';

/** The objects to be completed, the slot of each, and the parts of requests that bring the answers. */
interface Wanted {
  readonly targets: DataObject[];
  readonly slots: EntitySlot[];
  readonly parts: EntityPart[];
}

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
    const { targets, slots, parts } = collectWanted(options, run);
    for (const part of parts) await part.answered;
    for (let index = 0; index < targets.length; index++) {
      mergeSlot(options, run, slots[index] as EntitySlot, targets[index] as DataObject);
    }
    for (const part of parts) {
      const general = part.answer?.kind === 'entities' ? part.answer.errors?.get(undefined) : undefined;
      if (general) placeGeneralErrors(fetch, run.failures, targets, general);
    }
  };
}

function collectWanted({ fetch, path, find, types, context }: EntityStepOptions, run: Run): Wanted {
  const wanted: Wanted = { targets: [], slots: [], parts: [] };
  if (!context) wantAll(wanted, fetch, collectObjects(run.data, path, types), find, run);
  else {
    for (const [own, objects] of context.divide(run.data.root, path)) wantAll(wanted, own, objects, find, run);
  }
  return wanted;
}

function wantAll(wanted: Wanted, fetch: CompiledFetch, objects: readonly DataObject[], find: FindSlot, run: Run): void {
  run.context.trail?.wants(fetch.subgraph, objects.length);
  const table = run.entities.slotsOf(fetch);
  let lastPart: EntityPart | undefined;
  for (const target of objects) {
    const slot = find(target, table);
    if (slot === undefined) continue;
    if (!(slot instanceof Missing)) {
      wanted.targets.push(target);
      wanted.slots.push(slot);
      if (slot.part !== lastPart && !wanted.parts.includes(slot.part)) wanted.parts.push(slot.part);
      lastPart = slot.part;
      continue;
    }
    // What is missing because of a failure fails what depends on it, for the same reason.
    const value = readOwn(slot.container, slot.key);
    const [cause] = run.failures.explain(slot.container, slot.key, value) ?? [];
    // Beside each other in one object, it is told where it happened.
    const origin = slot.container === target && !cause?.isConsequence ? cause?.path : 'elsewhere';
    if (cause) run.failures.placeAtMissing(target, fetch.expected, cause.failure, origin);
    else if (value === undefined) {
      run.failures.placeAtMissing(target, fetch.expected, unidentified(fetch.subgraph));
    }
  }
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
  slot: EntitySlot,
  target: DataObject,
): void {
  const { answer } = slot.part;
  if (answer?.kind !== 'entities') {
    failures.placeAtMissing(target, fetch.expected, answer?.failure ?? malformedEntities(fetch.subgraph));
    return;
  }
  const entity = answer.entities[slot.index];
  const errors = answer.errors?.get(slot.index);
  if (isDataObject(entity)) {
    mergeObject(target, isCopied ? structuredClone(entity) : entity, types);
    slot.uses += 1;
    if (slot.uses === 2 && !isCopied) noteShared(entity, data.shared);
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
