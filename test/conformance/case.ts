/**
 * Conformance fuzzer: one request, and how to tidy it after parts were left out.
 */
import { type DocumentNode, Kind, print, visit } from 'graphql';

/** One request. */
export interface Case {
  readonly document: DocumentNode;
  readonly variables: Record<string, unknown>;
  readonly operationName?: string;
}

/** For messages: the document as text. */
export function printCase(drawn: Case): string {
  return print(drawn.document);
}

/** Whether any operation of the document changes something. */
export function isMutation(drawn: Case): boolean {
  return drawn.document.definitions.some(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION && definition.operation === 'mutation',
  );
}

/** Without empty selection sets, unused fragments and unused variables. */
export function pruneCase(drawn: Case): Case {
  let document = drawn.document;
  for (let round = 0; round < 6; round++) {
    const pruned = pruneOnce(document);
    if (pruned === document) break;
    document = pruned;
  }
  const names = new Set<string>();
  visit(document, { VariableDefinition: (definition) => void names.add(definition.variable.name.value) });
  const variables = Object.fromEntries(Object.entries(drawn.variables).filter(([name]) => names.has(name)));
  return { ...drawn, document, variables };
}

function pruneOnce(document: DocumentNode): DocumentNode {
  let changed = false;
  const drop = (): null => {
    changed = true;
    return null;
  };
  const spread = new Set<string>();
  visit(document, { FragmentSpread: (node) => void spread.add(node.name.value) });
  const kept = visit(document, {
    FragmentDefinition: (node) => (spread.has(node.name.value) ? undefined : drop()),
    Field: { leave: (node) => (node.selectionSet?.selections.length === 0 ? drop() : undefined) },
    InlineFragment: { leave: (node) => (node.selectionSet.selections.length === 0 ? drop() : undefined) },
    OperationDefinition: {
      leave(node) {
        const used = new Set<string>();
        const collect = { Variable: (variable: { name: { value: string } }) => void used.add(variable.name.value) };
        visit(node.selectionSet, collect);
        for (const other of document.definitions) if (other.kind === Kind.FRAGMENT_DEFINITION) visit(other, collect);
        const definitions = node.variableDefinitions ?? [];
        const variableDefinitions = definitions.filter(({ variable }) => used.has(variable.name.value));
        if (variableDefinitions.length === definitions.length) return undefined;
        changed = true;
        return { ...node, variableDefinitions };
      },
    },
  });
  return changed ? kept : document;
}
