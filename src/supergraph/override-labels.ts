/**
 * Progressive overrides (`@override(from:, label:)`): which of their labels are on for one request. In: the supergraph
 * and an operation. Out: labels, for the planner. Clock: per supergraph (read), per document (which matter), per request.
 */
import { type DocumentNode, visit } from 'graphql';
import type { RequestContext } from '../context/request-context';
import type { Operation } from '../operation/document';
import { readArgument } from './join-directives';

export interface OverrideDependencies {
  /**
   * Which of these labels are on for a request; percentages are drawn without it. Asked for operations that labels
   * matter to. What it throws fails the request.
   */
  readonly overrideLabels?: (context: RequestContext, labels: readonly string[]) => Iterable<string>;
  /** At least 0 and less than 1, for `percent(5)`: one draw for all the percentages of a request. */
  readonly random?: () => number;
}

const none: readonly string[] = [];

export class OverrideLabels {
  private readonly byOperation = new WeakMap<Operation, readonly string[]>();

  private constructor(
    /** By field name, the labels that may matter when it is asked. */
    private readonly byFieldName: ReadonlyMap<string, ReadonlySet<string>>,
    private readonly dependencies: OverrideDependencies,
  ) {}

  /** Undefined when the supergraph has no label. */
  static read(supergraph: DocumentNode, dependencies: OverrideDependencies): OverrideLabels | undefined {
    const byFieldName = readLabels(supergraph);
    return byFieldName.size === 0 ? undefined : new OverrideLabels(byFieldName, dependencies);
  }

  /** The labels that are on, sorted. */
  decide(operation: Operation, context: RequestContext): readonly string[] {
    const labels = this.labelsOf(operation);
    if (labels.length === 0) return none;
    const { overrideLabels, random = Math.random } = this.dependencies;
    const drawn = 100 * random();
    const custom = labels.filter((label) => percentageOf(label) === undefined);
    const chosen = new Set(custom.length > 0 ? overrideLabels?.(context, custom) : none);
    return labels.filter((label) => {
      const percentage = percentageOf(label);
      return percentage === undefined ? chosen.has(label) : drawn < percentage;
    });
  }

  private labelsOf(operation: Operation): readonly string[] {
    let labels = this.byOperation.get(operation);
    if (!labels) {
      const found = new Set(this.byFieldName.get(''));
      const collect = {
        Field: ({ name }: { readonly name: { readonly value: string } }) => {
          for (const label of this.byFieldName.get(name.value) ?? none) found.add(label);
        },
      };
      visit(operation.node, collect);
      for (const fragment of operation.fragments.values()) visit(fragment, collect);
      labels = [...found].sort();
      this.byOperation.set(operation, labels);
    }
    return labels;
  }
}

/** `percent(12.5)` -> 12.5 */
function percentageOf(label: string): number | undefined {
  const match = /^percent\((\d+(?:\.\d+)?)\)$/.exec(label);
  return match ? Number(match[1]) : undefined;
}

/** Labels by the names of fields: those they stand on, and those that require such; under `''` those of keys. */
function readLabels(supergraph: DocumentNode): Map<string, Set<string>> {
  const labels = new Map<string, Set<string>>();
  const requirements: { readonly name: string; readonly required: readonly string[] }[] = [];
  const add = (name: string, label: string): boolean => {
    const known = labels.get(name) ?? new Set();
    labels.set(name, known);
    return known.size < known.add(label).size;
  };
  visit(supergraph, {
    FieldDefinition: ({ name, directives = [] }) => {
      for (const directive of directives.filter((node) => node.name.value === 'join__field')) {
        const label = readArgument(directive, 'overrideLabel');
        if (typeof label === 'string') add(name.value, label);
        requirements.push({ name: name.value, required: namesIn(readArgument(directive, 'requires')) });
      }
    },
    Directive: (directive) => {
      if (directive.name.value !== 'join__type') return;
      requirements.push({ name: '', required: namesIn(readArgument(directive, 'key')) });
    },
  });
  for (let isComplete = labels.size === 0; !isComplete; ) {
    isComplete = true;
    for (const { name, required } of requirements) {
      for (const label of required.flatMap((field) => [...(labels.get(field) ?? none)])) {
        if (add(name, label)) isComplete = false;
      }
    }
  }
  return labels;
}

function namesIn(selection: unknown): readonly string[] {
  return typeof selection === 'string' ? (selection.match(/[_A-Za-z]\w*/g) ?? none) : none;
}
