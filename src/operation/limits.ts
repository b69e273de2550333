/**
 * Bounds on a document that hold before validation or planning cost anything.
 * In: a parsed document. Out: what it weighs, or the first bound it breaks. Clock: per document.
 * Fragments are counted as expanded, without expanding them: the work is linear in the text.
 */
import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type TypeNode,
  type ValueNode,
} from 'graphql';
import { ClientError } from '../errors';
import { deferName } from './defer';

export interface DocumentLimits {
  /** Lexical tokens of the whole document. */
  readonly maxTokens: number;
  /** Nesting of fields, with fragments expanded. */
  readonly maxDepth: number;
  /** Aliases of one operation, with fragments expanded. */
  readonly maxAliases: number;
  /** Fields at the root of one operation, with fragments expanded. */
  readonly maxRootFields: number;
  /**
   * Fields, fragments and values of arguments, with fragments expanded, in all operations together. An operation or
   * fragment itself counts for ten.
   */
  readonly maxSelections: number;
  /** Directives written in the document. */
  readonly maxDirectives: number;
}

/** What a document weighs that keeps its limits. */
export interface DocumentWeight {
  /** As `maxSelections` counts them. */
  readonly selections: number;
  /** Whether `@defer` is written in it. */
  readonly defers: boolean;
}

/** What a selection set weighs once its fragments are expanded. */
interface Weight {
  /** Nesting of fields. */
  readonly depth: number;
  /** Nesting of selection sets: fields and fragments. */
  readonly height: number;
  readonly aliases: number;
  readonly rootFields: number;
  readonly selections: number;
}

/** Selection sets nested deeper are refused whatever the limits say: walks of the document recurse on the stack. */
const maxHeight = 200;
/** Lists and objects in values, and lists in types. */
const maxValueDepth = 50;
/** The answer repeats an alias for every object. */
const maxAliasLength = 250;
/** A long name or string counts as one value for each of these: the plan repeats it wherever its field stands. */
const charactersPerValue = 64;

/** Validation looks at each operation and fragment on its own, many times. */
const selectionsOfDefinition = 10;

/** Weighs `document`, or refuses it: the first limit that it breaks, with its code and the limit. */
export function weighDocument(document: DocumentNode, limits: DocumentLimits): DocumentWeight | ClientError {
  try {
    return new Scale(document, limits).weighDocument();
  } catch (error) {
    if (error instanceof ClientError) return error;
    throw error;
  }
}

const nothing: Weight = {
  depth: 0,
  height: 0,
  aliases: 0,
  rootFields: 0,
  selections: 0,
};

/** Throws the `ClientError` that refuses the document as soon as a limit is broken. */
class Scale {
  private readonly fragments = new Map<string, FragmentDefinitionNode>();
  /** `open`: its weight is being found, so that a spread of it is a cycle. */
  private readonly fragmentWeights = new Map<string, Weight | 'open'>();
  private directives = 0;
  private defers = false;

  constructor(
    private readonly document: DocumentNode,
    private readonly limits: DocumentLimits,
  ) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.fragments.set(definition.name.value, definition);
    }
  }

  weighDocument(): DocumentWeight {
    const { maxAliases, maxRootFields, maxSelections } = this.limits;
    let selections = 0;
    for (const definition of this.document.definitions) {
      selections += selectionsOfDefinition;
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.weighFragment(definition.name.value, 0);
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      const weight = this.weighOperation(definition);
      selections += weight.selections;
      if (selections > maxSelections) throw tooManySelections(maxSelections);
      if (weight.aliases > maxAliases) throw broken('MAX_ALIASES_LIMIT', 'uses', maxAliases, 'aliases');
      if (weight.rootFields > maxRootFields) {
        throw broken('MAX_ROOT_FIELDS_LIMIT', 'selects', maxRootFields, 'root fields');
      }
    }
    if (selections > maxSelections) throw tooManySelections(maxSelections);
    return { selections, defers: this.defers };
  }

  private weighOperation(operation: OperationDefinitionNode): Weight {
    const weight = this.weighSet(operation.selectionSet, 0);
    let { selections } = weight;
    selections += this.weighDirectives(operation.directives);
    for (const { type, defaultValue, directives } of operation.variableDefinitions ?? []) {
      checkType(type);
      selections += 1 + this.weighDirectives(directives);
      if (defaultValue) selections += weighValue(defaultValue, 0);
    }
    return { ...weight, selections };
  }

  private weighSet(set: SelectionSetNode, height: number): Weight {
    const { maxDepth, maxSelections } = this.limits;
    if (height > maxHeight) throw tooHigh();
    const total = { ...nothing, depth: 1, height: 1 };
    for (const selection of set.selections) {
      total.selections += 1 + this.weighDirectives(selection.directives);
      let inner: Weight;
      if (selection.kind === Kind.FIELD) {
        inner = this.weighField(selection, height);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        inner = this.weighSet(selection.selectionSet, height + 1);
      } else {
        inner = this.weighFragment(selection.name.value, height + 1);
      }
      total.depth = Math.max(total.depth, inner.depth);
      total.height = Math.max(total.height, inner.height + 1);
      total.aliases += inner.aliases;
      total.rootFields += inner.rootFields;
      total.selections += inner.selections;
    }
    if (total.depth > maxDepth) throw broken('MAX_DEPTH_LIMIT', 'is nested', maxDepth, 'levels');
    if (total.height > maxHeight) throw tooHigh();
    if (total.selections > maxSelections) throw tooManySelections(maxSelections);
    return total;
  }

  private weighField(field: FieldNode, height: number): Weight {
    const { alias, selectionSet } = field;
    if (alias && alias.value.length > maxAliasLength) {
      throw broken('MAX_ALIASES_LIMIT', 'has an alias with', maxAliasLength, 'characters');
    }
    const inner = selectionSet ? this.weighSet(selectionSet, height + 1) : nothing;
    return {
      depth: inner.depth + 1,
      height: inner.height,
      aliases: inner.aliases + (alias ? 1 : 0),
      rootFields: 1,
      selections: inner.selections + weighArguments(field.arguments),
    };
  }

  private weighFragment(name: string, height: number): Weight {
    const known = this.fragmentWeights.get(name);
    // A cycle or an unknown fragment weighs nothing: validation refuses both.
    if (known === 'open') return nothing;
    if (known) return known;
    const fragment = this.fragments.get(name);
    if (!fragment) return nothing;
    this.fragmentWeights.set(name, 'open');
    const weight = this.weighSet(fragment.selectionSet, height);
    const selections = weight.selections + this.weighDirectives(fragment.directives);
    this.fragmentWeights.set(name, { ...weight, selections });
    return { ...weight, selections };
  }

  /** Each directive that is written is met here once. Returns what they add to the selections. */
  private weighDirectives(directives: readonly DirectiveNode[] | undefined): number {
    if (directives === undefined || directives.length === 0) return 0;
    const { maxDirectives } = this.limits;
    this.directives += directives.length;
    if (this.directives > maxDirectives) throw broken('MAX_DIRECTIVES_LIMIT', 'uses', maxDirectives, 'directives');
    this.defers ||= directives.some(({ name }) => name.value === deferName);
    return directives.reduce((sum, directive) => sum + 1 + weighArguments(directive.arguments), 0);
  }
}

function weighArguments(nodes: FieldNode['arguments']): number {
  let sum = 0;
  for (const { value } of nodes ?? []) sum += weighValue(value, 0);
  return sum;
}

function weighValue(value: ValueNode, depth: number): number {
  if (depth > maxValueDepth) throw valueTooDeep();
  switch (value.kind) {
    case Kind.LIST:
      return value.values.reduce((sum, item) => sum + weighValue(item, depth + 1), 1);
    case Kind.OBJECT:
      return value.fields.reduce((sum, field) => sum + weighValue(field.value, depth + 1), 1);
    case Kind.VARIABLE:
      return weighText(value.name.value);
    case Kind.NULL:
    case Kind.BOOLEAN:
      return 1;
    default:
      return weighText(value.value);
  }
}

function weighText(text: string): number {
  return 1 + Math.floor(text.length / charactersPerValue);
}

function checkType(type: TypeNode): void {
  let depth = 0;
  for (let inner = type; inner.kind !== Kind.NAMED_TYPE; inner = inner.type) {
    depth += 1;
    if (depth > 2 * maxValueDepth) throw valueTooDeep();
  }
}

function tooHigh(): ClientError {
  return broken('MAX_DEPTH_LIMIT', 'nests', maxHeight, 'fields and fragments');
}

function valueTooDeep(): ClientError {
  return broken('MAX_DEPTH_LIMIT', 'has a value or type that is nested', maxValueDepth, 'levels');
}

function tooManySelections(maxSelections: number): ClientError {
  return broken('MAX_SELECTIONS_LIMIT', 'selects', maxSelections, 'fields, fragments and values');
}

function broken(code: ClientError['code'], verb: string, limit: number, unit: string): ClientError {
  return new ClientError(code, `The operation ${verb} more than the ${limit} ${unit} that are allowed.`);
}
