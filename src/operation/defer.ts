/**
 * `@defer` (incremental delivery, the draft of 2022-08-24 that Apollo's clients speak) in documents: a fragment that may
 * come later. Clock: per document.
 */
import {
  type ASTVisitor,
  GraphQLError,
  Kind,
  type SelectionNode,
  type ValidationContext,
  type ValueNode,
} from 'graphql';

export const deferName = 'defer';

/** What tells the deferred parts of an answer apart; undefined for a fragment without a label. */
export function deferLabelOf(selection: SelectionNode): string | undefined {
  const label = argumentOf(selection, 'label');
  return label?.kind === Kind.STRING ? label.value : undefined;
}

/** Whether a fragment comes later, for these values of condition variables. */
export function isDeferred(selection: SelectionNode, conditions: ReadonlyMap<string, boolean>): boolean {
  if (!selection.directives?.some(({ name }) => name.value === deferName)) return false;
  const condition = argumentOf(selection, 'if');
  if (condition?.kind === Kind.VARIABLE) return conditions.get(condition.name.value) === true;
  return condition?.kind !== Kind.BOOLEAN || condition.value;
}

function argumentOf({ directives = [] }: SelectionNode, argument: string): ValueNode | undefined {
  const directive = directives.find(({ name }) => name.value === deferName);
  return directive?.arguments?.find(({ name }) => name.value === argument)?.value;
}

/** Labels are texts of the document, each of its own. */
export function DeferLabelsRule(context: ValidationContext): ASTVisitor {
  const known = new Set<string>();
  return {
    Directive(node) {
      if (node.name.value !== deferName) return;
      const label = node.arguments?.find(({ name }) => name.value === 'label')?.value;
      if (!label || label.kind === Kind.NULL) return;
      if (label.kind !== Kind.STRING) {
        context.reportError(new GraphQLError('The label of @defer must be a text, not a variable.', { nodes: [node] }));
      } else if (known.has(label.value)) {
        const message = `Two @defer have the label "${label.value}": each needs one of its own.`;
        context.reportError(new GraphQLError(message, { nodes: [node] }));
      } else known.add(label.value);
    },
  };
}
