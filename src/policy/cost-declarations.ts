/**
 * `@cost` and `@listSize` as a supergraph declares them (https://specs.apollo.dev/cost/v0.1): SDL in, weights and list
 * sizes by coordinate out, and every mistake with its coordinate. Clock: per supergraph.
 */
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  print,
} from 'graphql';
import { isList, namedTypeOf, readArgument, readLinks, specsUrl } from './links';

/** How long the list of a field is, or those of some fields below it. */
export interface ListSize {
  readonly assumedSize: number | undefined;
  readonly slicingArguments: readonly string[];
  /** Fields of the returned type whose lists it is about; empty: the field's own. */
  readonly sizedFields: ReadonlySet<string>;
  readonly requiresOneSlicingArgument: boolean;
}

export interface CostDeclarations {
  /** By coordinate: `Post`, `Query.posts`, `Query.posts(first:)`, `PostInput.text`. */
  readonly weights: ReadonlyMap<string, number>;
  /** By coordinate of the field. */
  readonly listSizes: ReadonlyMap<string, ListSize>;
  readonly problems: readonly { readonly coordinate: string; readonly message: string }[];
}

/** Reads all of `supergraph`; without a link to the specification there is nothing to read. */
export function readCosts(supergraph: DocumentNode): CostDeclarations {
  const link = readLinks(supergraph).find(({ identity }) => identity === specsUrl('cost'));
  if (!link) return { weights: new Map(), listSizes: new Map(), problems: [] };
  const [cost, listSize] = [link.directiveName('cost'), link.directiveName('listSize')];
  if (link.version !== '0.1') {
    const message = `version ${link.version} is unknown: this gateway counts by ${specsUrl('cost')}/v0.1`;
    return { weights: new Map(), listSizes: new Map(), problems: [{ coordinate: `@${cost}`, message }] };
  }
  return new Reader(supergraph, cost, listSize).read();
}

interface WithDirectives {
  readonly directives?: readonly ConstDirectiveNode[] | undefined;
}

class Reader implements CostDeclarations {
  readonly weights = new Map<string, number>();
  readonly listSizes = new Map<string, ListSize>();
  readonly problems: { readonly coordinate: string; readonly message: string }[] = [];
  /** Of objects and interfaces. */
  private readonly fields = new Map<string, ReadonlyMap<string, FieldDefinitionNode>>();

  constructor(
    private readonly supergraph: DocumentNode,
    private readonly cost: string,
    private readonly listSize: string,
  ) {
    for (const node of supergraph.definitions) {
      if (node.kind !== Kind.OBJECT_TYPE_DEFINITION && node.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
      this.fields.set(node.name.value, new Map((node.fields ?? []).map((field) => [field.name.value, field])));
    }
  }

  read(): CostDeclarations {
    for (const node of this.supergraph.definitions) {
      switch (node.kind) {
        case Kind.OBJECT_TYPE_DEFINITION:
        case Kind.INTERFACE_TYPE_DEFINITION:
          this.readWeight(node.name.value, node);
          for (const field of node.fields ?? []) this.readField(`${node.name.value}.${field.name.value}`, field);
          break;
        case Kind.INPUT_OBJECT_TYPE_DEFINITION:
          for (const field of node.fields ?? []) this.readWeight(`${node.name.value}.${field.name.value}`, field);
          break;
        case Kind.SCALAR_TYPE_DEFINITION:
        case Kind.ENUM_TYPE_DEFINITION:
          this.readWeight(node.name.value, node);
          break;
      }
    }
    return this;
  }

  private readField(coordinate: string, field: FieldDefinitionNode): void {
    this.readWeight(coordinate, field);
    for (const argument of field.arguments ?? []) this.readWeight(`${coordinate}(${argument.name.value}:)`, argument);
    const use = field.directives?.find(({ name }) => name.value === this.listSize);
    if (use) this.readListSize(coordinate, field, use);
  }

  private readWeight(coordinate: string, { directives = [] }: WithDirectives): void {
    const use = directives.find(({ name }) => name.value === this.cost);
    if (!use) return;
    const weight = readArgument(use, 'weight');
    if (isCount(weight)) this.weights.set(coordinate, weight);
    else this.say(coordinate, `@${this.cost} needs a weight of 0 or more, not ${describe(weight)}`);
  }

  private readListSize(coordinate: string, field: FieldDefinitionNode, use: ConstDirectiveNode): void {
    const before = this.problems.length;
    const assumedSize = readArgument(use, 'assumedSize') ?? undefined;
    if (assumedSize !== undefined && !isCount(assumedSize)) {
      this.say(coordinate, `assumedSize must be 0 or more, not ${describe(assumedSize)}`);
    }
    const slicingArguments = this.readNames(coordinate, use, 'slicingArguments');
    for (const name of slicingArguments) this.checkSlicingArgument(coordinate, field.arguments ?? [], name);
    const sizedFields = this.readNames(coordinate, use, 'sizedFields');
    for (const name of sizedFields) this.checkSizedField(coordinate, namedTypeOf(field.type), name);
    if (sizedFields.length === 0 && !isList(field.type)) {
      this.say(coordinate, `@${this.listSize} belongs on a list, or names the lists below the field as sizedFields`);
    }
    const requiresOne = readArgument(use, 'requireOneSlicingArgument') ?? true;
    if (typeof requiresOne !== 'boolean') this.say(coordinate, 'requireOneSlicingArgument must be true or false');
    if (this.problems.length > before) return;
    this.listSizes.set(coordinate, {
      assumedSize: isCount(assumedSize) ? assumedSize : undefined,
      slicingArguments,
      sizedFields: new Set(sizedFields),
      requiresOneSlicingArgument: requiresOne === true && slicingArguments.length > 0,
    });
  }

  private readNames(coordinate: string, use: ConstDirectiveNode, argument: string): readonly string[] {
    const names = readArgument(use, argument) ?? [];
    const list: readonly unknown[] = Array.isArray(names) ? names : [names];
    if (list.every((name) => typeof name === 'string')) return list;
    this.say(coordinate, `${argument} must be a list of names`);
    return [];
  }

  private checkSlicingArgument(coordinate: string, known: readonly InputValueDefinitionNode[], name: string): void {
    const argument = known.find((candidate) => candidate.name.value === name);
    if (!argument) this.say(coordinate, `slicingArguments: there is no argument "${name}"`);
    else if (isList(argument.type) || namedTypeOf(argument.type) !== 'Int') {
      this.say(coordinate, `slicingArguments: "${name}" must be Int, not ${print(argument.type)}`);
    }
  }

  private checkSizedField(coordinate: string, type: string, name: string): void {
    const field = this.fields.get(type)?.get(name);
    if (!field) this.say(coordinate, `sizedFields: ${type} has no field "${name}"`);
    else if (!isList(field.type)) this.say(coordinate, `sizedFields: "${name}" is no list`);
  }

  private say(coordinate: string, message: string): void {
    this.problems.push({ coordinate, message });
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function describe(value: unknown): string {
  return value === undefined ? 'none' : (JSON.stringify(value) ?? String(value));
}
