/**
 * Bounds on a document that hold before validation or planning cost anything.
 * In: a parsed document. Out: the first bound it breaks, or nothing. Clock: per document.
 * Fragments are counted as expanded, without expanding them: the work is linear in the text.
 */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { ClientError } from '../errors';

export interface DocumentLimits {
  /** Lexical tokens of the whole document. */
  readonly maxTokens: number;
  /** Nesting of fields, with fragments expanded. */
  readonly maxDepth: number;
  /** Aliases, with fragments expanded. */
  readonly maxAliases: number;
  /** Fields at the root of one operation, with fragments expanded. */
  readonly maxRootFields: number;
  /** Fields and fragments, with fragments expanded. */
  readonly maxSelections: number;
  /** Directives written in the document. */
  readonly maxDirectives: number;
}

/** What a selection set weighs once its fragments are expanded. */
interface Weight {
  depth: number;
  aliases: number;
  rootFields: number;
  selections: number;
  /** Directives as written: not multiplied by spreads. */
  directives: number;
}

/** Deeper chains than this are refused whatever the limits say: walks of the document recurse on the stack. */
const maxRecursion = 1_000;

/** The first limit that `document` breaks, with its code and both numbers; `undefined` when it keeps them all. */
export function findBrokenLimit(document: DocumentNode, limits: DocumentLimits): ClientError | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const weigh = createScale(fragments);
  let directives = 0;
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const weight = weigh(definition);
    if (weight === 'too deep') return broken('MAX_DEPTH_LIMIT', 'is nested', limits.maxDepth, 'levels');
    directives += weight.directives;
    if (weight.depth > limits.maxDepth) return broken('MAX_DEPTH_LIMIT', 'is nested', limits.maxDepth, 'levels');
    if (weight.selections > limits.maxSelections) {
      return broken('MAX_SELECTIONS_LIMIT', 'selects', limits.maxSelections, 'fields and fragments');
    }
    if (weight.aliases > limits.maxAliases) return broken('MAX_ALIASES_LIMIT', 'uses', limits.maxAliases, 'aliases');
    if (definition.kind === Kind.OPERATION_DEFINITION && weight.rootFields > limits.maxRootFields) {
      return broken('MAX_ROOT_FIELDS_LIMIT', 'selects', limits.maxRootFields, 'root fields');
    }
    if (directives > limits.maxDirectives)
      return broken('MAX_DIRECTIVES_LIMIT', 'uses', limits.maxDirectives, 'directives');
  }
  return undefined;
}

function broken(code: ClientError['code'], verb: string, limit: number, unit: string): ClientError {
  return new ClientError(code, `The operation ${verb} more than the ${limit} ${unit} that are allowed.`);
}

function createScale(fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
  const known = new Map<string, Weight | 'open'>();

  function weighSet(set: SelectionSetNode, recursion: number): Weight | 'too deep' {
    if (recursion > maxRecursion) return 'too deep';
    const total: Weight = { depth: 1, aliases: 0, rootFields: 0, selections: 0, directives: 0 };
    for (const selection of set.selections) {
      total.selections += 1;
      total.directives += selection.directives?.length ?? 0;
      if (selection.kind === Kind.FIELD) {
        total.rootFields += 1;
        if (selection.alias) total.aliases += 1;
        if (!selection.selectionSet) continue;
        const inner = weighSet(selection.selectionSet, recursion + 1);
        if (inner === 'too deep') return inner;
        add(total, inner, 1);
        total.directives += inner.directives;
        continue;
      }
      const inner =
        selection.kind === Kind.INLINE_FRAGMENT
          ? weighSet(selection.selectionSet, recursion + 1)
          : weighFragment(selection.name.value, recursion + 1);
      if (inner === 'too deep') return inner;
      add(total, inner, 0);
      total.rootFields += inner.rootFields;
      if (selection.kind === Kind.INLINE_FRAGMENT) total.directives += inner.directives;
    }
    return total;
  }

  function weighFragment(name: string, recursion: number): Weight | 'too deep' {
    const before = known.get(name);
    // A cycle or an unknown fragment weighs nothing: validation refuses both.
    if (before === 'open') return { depth: 0, aliases: 0, rootFields: 0, selections: 0, directives: 0 };
    if (before) return before;
    const fragment = fragments.get(name);
    if (!fragment) return { depth: 0, aliases: 0, rootFields: 0, selections: 0, directives: 0 };
    known.set(name, 'open');
    const weight = weighSet(fragment.selectionSet, recursion);
    if (weight === 'too deep') return weight;
    known.set(name, weight);
    return weight;
  }

  return (definition: OperationDefinitionNode | FragmentDefinitionNode): Weight | 'too deep' => {
    const weight =
      definition.kind === Kind.FRAGMENT_DEFINITION
        ? weighFragment(definition.name.value, 0)
        : weighSet(definition.selectionSet, 0);
    if (weight === 'too deep') return weight;
    return { ...weight, directives: weight.directives + (definition.directives?.length ?? 0) };
  };
}

function add(total: Weight, inner: Weight, level: number): void {
  total.depth = Math.max(total.depth, inner.depth + level);
  total.aliases += inner.aliases;
  total.selections += inner.selections;
}
