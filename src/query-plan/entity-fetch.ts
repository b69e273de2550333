/**
 * An entity fetch of a query plan -> a step: representations of the objects at a path are asked for, and what comes
 * back is merged into the objects they stand for. Clock: per document (compiled), per request (run).
 */
import { collectObjects, type DataObject, isDataObject, mergeObject } from './data';
import { type EntityPart, type EntitySlot, malformedEntities } from './entity-loader';
import { type CompiledFetch, placeErrors, placeGeneralErrors } from './fetch';
import type { Run, Step } from './program';
import { type FindSlot, Missing } from './representations';
import type { SupergraphTypes } from './supergraph-types';

/** The objects that each answer is for, and the parts of requests that bring the answers. */
interface Wanted {
  readonly targets: Map<EntitySlot, DataObject[]>;
  readonly parts: Set<EntityPart>;
}

/** A step that completes the objects at `path` with what `fetch` selects. */
export function entityStep(
  fetch: CompiledFetch,
  path: readonly string[],
  find: FindSlot,
  types: SupergraphTypes,
): Step {
  return async (run) => {
    const { targets, parts } = collectWanted(fetch, path, find, run);
    for (const part of parts) await part.answered;
    for (const [slot, objects] of targets) mergeSlot(fetch, run, slot, objects, types);
    for (const part of parts) {
      const general = part.answer?.kind === 'entities' ? part.answer.errors?.get(undefined) : undefined;
      if (general) placeGeneralErrors(fetch, run.failures, [...targets.values()].flat(), general);
    }
  };
}

function collectWanted(fetch: CompiledFetch, path: readonly string[], find: FindSlot, run: Run): Wanted {
  const wanted: Wanted = { targets: new Map(), parts: new Set() };
  const slots = run.entities.slotsOf(fetch);
  for (const target of collectObjects(run.root, path)) {
    const slot = find(target, slots);
    if (slot === undefined) continue;
    if (!(slot instanceof Missing)) {
      const targets = wanted.targets.get(slot);
      if (targets) targets.push(target);
      else {
        wanted.targets.set(slot, [target]);
        wanted.parts.add(slot.part);
      }
      continue;
    }
    // What is missing because of a failure fails what depends on it, for the same reason.
    const [cause] = run.failures.find(slot.container, slot.key) ?? [];
    if (cause) run.failures.placeAtMissing(target, fetch.expected, cause.failure);
  }
  return wanted;
}

function mergeSlot(
  fetch: CompiledFetch,
  { failures }: Run,
  { part, index }: EntitySlot,
  targets: readonly DataObject[],
  types: SupergraphTypes,
): void {
  const { answer } = part;
  if (answer?.kind !== 'entities') {
    const failure = answer?.failure ?? malformedEntities(fetch.subgraph);
    for (const target of targets) failures.placeAtMissing(target, fetch.expected, failure);
    return;
  }
  const entity = answer.entities[index];
  const errors = answer.errors?.get(index) ?? [];
  for (const target of targets) {
    if (isDataObject(entity)) mergeObject(target, entity, types);
    else if (entity !== null && errors.length === 0) {
      failures.placeAtMissing(target, fetch.expected, malformedEntities(fetch.subgraph));
    }
    if (errors.length > 0) placeErrors(fetch, failures, target, errors, 2, !isDataObject(entity));
  }
}
