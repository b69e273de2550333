/**
 * Mends a fault of the planner. Where fields of two types would conflict in one selection, it gives one of them an alias
 * and has that renamed in the answer. But below a field that has got an alias itself it writes down what is to be
 * renamed, and forgets the alias. In and out: a fetch. Clock: per document, on the planner thread.
 */
import type { FetchNode } from '@apollo/query-planner';
import {
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionNode,
  type SelectionSetNode,
  stripIgnoredCharacters,
} from 'graphql';

interface Alias {
  /** Response names and `... on Type`, the alias last. */
  readonly path: readonly string[];
  readonly responseName: string;
}

/** Gives the fields of a fetch every alias that its `outputRewrites` rename. */
export function applyAliases(fetch: FetchNode): FetchNode {
  const aliases = (fetch.outputRewrites ?? []).flatMap((rewrite): Alias[] =>
    rewrite.kind === 'KeyRenamer' ? [{ path: rewrite.path.map(String), responseName: rewrite.renameKeyTo }] : [],
  );
  if (aliases.length === 0) return fetch;
  const isOfEntities = fetch.requires !== undefined;
  const document = parse(fetch.operation, { noLocation: true });
  const definitions = document.definitions.map((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return definition;
    const rename = (set: SelectionSetNode) => aliases.reduce((renamed, alias) => withAlias(renamed, alias), set);
    return isOfEntities
      ? withEntities(definition, rename)
      : { ...definition, selectionSet: rename(definition.selectionSet) };
  });
  return { ...fetch, operation: stripIgnoredCharacters(print({ ...document, definitions })) };
}

/** Paths in fetches of entities begin at each of them. */
function withEntities(
  operation: OperationDefinitionNode,
  change: (set: SelectionSetNode) => SelectionSetNode,
): OperationDefinitionNode {
  const selections = operation.selectionSet.selections.map((selection) =>
    selection.kind === Kind.FIELD && selection.selectionSet
      ? { ...selection, selectionSet: change(selection.selectionSet) }
      : selection,
  );
  return { ...operation, selectionSet: { ...operation.selectionSet, selections } };
}

function withAlias(set: SelectionSetNode, alias: Alias): SelectionSetNode {
  const [step, ...path] = alias.path;
  if (step === undefined) return set;
  if (path.length === 0) {
    if (set.selections.some((selection) => isNamed(selection, step))) return set;
    const value = { kind: Kind.NAME, value: step } as const;
    return changeSelections(set, (selection) =>
      isNamed(selection, alias.responseName) ? { ...selection, alias: value } : selection,
    );
  }
  return changeSelections(set, (selection) => {
    if (selection.kind === Kind.FRAGMENT_SPREAD || !selection.selectionSet) return selection;
    const name =
      selection.kind === Kind.FIELD ? responseNameOf(selection) : `... on ${selection.typeCondition?.name.value}`;
    if (name !== step) return selection;
    return { ...selection, selectionSet: withAlias(selection.selectionSet, { ...alias, path }) };
  });
}

function changeSelections(
  set: SelectionSetNode,
  change: (selection: SelectionNode) => SelectionNode,
): SelectionSetNode {
  return { ...set, selections: set.selections.map(change) };
}

function isNamed(selection: SelectionNode, name: string): selection is FieldNode {
  return selection.kind === Kind.FIELD && responseNameOf(selection) === name;
}

function responseNameOf({ alias, name }: FieldNode): string {
  return (alias ?? name).value;
}
