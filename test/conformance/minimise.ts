/**
 * Conformance fuzzer: makes an operation small that still shows its mismatch. In: a mismatch and a way to ask again.
 * Out: the smallest that greedy deletion finds, of the same kind.
 */
import {
  type DefinitionNode,
  type DocumentNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  validate,
  visit,
} from 'graphql';
import { type Case, pruneCase } from './case';
import type { Mismatch } from './run';

type Attempt = (drawn: Case) => Promise<Mismatch | undefined>;

const maxAttempts = 400;

/** Deletes what is not needed for the mismatch, largest parts first. */
export async function minimiseCase(mismatch: Mismatch, attempt: Attempt): Promise<Mismatch> {
  let best = mismatch;
  let attempts = 0;
  for (let changed = true; changed && attempts < maxAttempts; ) {
    changed = false;
    for (const candidate of smallerCases(best.case)) {
      if (attempts >= maxAttempts) break;
      const tidy = pruneCase(candidate);
      if (!hasOperation(tidy.document)) continue;
      if (validate(best.graph.reference.schema, tidy.document).length > 0) continue;
      attempts++;
      const result = await attempt(tidy);
      if (result?.difference.fingerprint !== mismatch.difference.fingerprint) continue;
      best = result;
      changed = true;
      break;
    }
  }
  return best;
}

function* smallerCases(drawn: Case): Generator<Case> {
  const { document } = drawn;
  if (drawn.operationName) yield* onlyOperation(drawn);
  const count = countSelections(document);
  for (let index = 0; index < count; index++) yield { ...drawn, document: changeSelection(document, index, () => []) };
  for (let index = 0; index < count; index++) {
    yield { ...drawn, document: changeSelection(document, index, (node) => unwrapped(document, node)) };
  }
  for (let index = 0; index < count; index++) {
    for (const plainer of plainerSelections) {
      let applies = false;
      const changed = changeSelection(document, index, (node) => {
        const result = plainer(node);
        applies = result !== undefined;
        return result ?? [node];
      });
      if (applies) yield { ...drawn, document: changed };
    }
  }
}

function* onlyOperation(drawn: Case): Generator<Case> {
  const definitions = drawn.document.definitions.filter(
    (definition) => definition.kind !== Kind.OPERATION_DEFINITION || definition.name?.value === drawn.operationName,
  );
  const anonymous = definitions.map((definition): DefinitionNode => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return definition;
    const { name: _name, ...rest } = definition;
    return rest;
  });
  yield { document: { ...drawn.document, definitions: anonymous }, variables: drawn.variables };
}

/** Ways to make one selection plainer. */
const plainerSelections: readonly ((node: SelectionNode) => SelectionNode[] | undefined)[] = [
  (node) => (node.directives && node.directives.length > 0 ? [{ ...node, directives: [] }] : undefined),
  (node) => (node.kind === Kind.FIELD && node.alias ? [withoutAlias(node)] : undefined),
  (node) => (node.kind === Kind.FIELD && node.arguments?.length ? [{ ...node, arguments: [] }] : undefined),
  (node) => {
    if (node.kind !== Kind.FIELD || !node.arguments?.length) return undefined;
    return [{ ...node, arguments: node.arguments.slice(1) }];
  },
];

function withoutAlias(node: Extract<SelectionNode, { kind: Kind.FIELD }>): SelectionNode {
  const { alias: _alias, ...rest } = node;
  return rest;
}

/** A fragment's selections in its place; a field with a fragment's name stays. */
function unwrapped(document: DocumentNode, node: SelectionNode): SelectionNode[] {
  if (node.kind === Kind.INLINE_FRAGMENT) return [...node.selectionSet.selections];
  if (node.kind === Kind.FIELD) return [node];
  const fragment = document.definitions.find(
    (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === node.name.value,
  );
  if (fragment?.kind !== Kind.FRAGMENT_DEFINITION) return [node];
  const { typeCondition, selectionSet } = fragment;
  return [{ kind: Kind.INLINE_FRAGMENT, typeCondition, selectionSet }];
}

function countSelections(document: DocumentNode): number {
  let count = 0;
  visit(document, {
    SelectionSet(set) {
      count += set.selections.length;
    },
  });
  return count;
}

/** Whether deletion left something to ask. */
function hasOperation(document: DocumentNode): boolean {
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  return operations.length > 0 && operations.every(({ selectionSet }) => selectionSet.selections.length > 0);
}

/** Replaces the selection with the given number, counted in document order. */
function changeSelection(
  document: DocumentNode,
  target: number,
  change: (node: SelectionNode) => readonly SelectionNode[],
): DocumentNode {
  let index = 0;
  return visit(document, {
    SelectionSet(set): SelectionSetNode | undefined {
      const start = index;
      index += set.selections.length;
      if (target < start || target >= index) return undefined;
      const selections = set.selections.flatMap((node, offset) => (start + offset === target ? change(node) : [node]));
      return { ...set, selections };
    },
  });
}
