/**
 * `@rateLimit` as it is written in a schema: SDL of a subgraph or a supergraph in, declarations out, and every mistake
 * with its coordinate. Nothing that is not understood is ever left out in silence. Clock: per supergraph.
 */
import {
  type ASTNode,
  type ConstDirectiveNode,
  type ConstValueNode,
  type DirectiveDefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  print,
  type TypeNode,
} from 'graphql';
import {
  type CountedBy,
  type OnStoreFailure,
  quotaProblem,
  type RateLimitAlgorithm,
  rateLimitWords,
  readWindow,
  windowProblem,
} from '../config/rate-limits';
import { suggest } from '../config/yaml-file';
import { isList, namedTypeOf, readLinks } from './links';

/** What one `@rateLimit` says, without what is left to defaults. */
export interface RateLimitDeclaration {
  /** `Mutation.login`, or `Report` for all of a type. */
  readonly coordinate: string;
  readonly max: number | undefined;
  readonly windowMs: number | undefined;
  readonly tier: string | undefined;
  readonly by: CountedBy | undefined;
  readonly algorithm: RateLimitAlgorithm | undefined;
  /** Paths into the arguments: `input.email` is `['input', 'email']`. */
  readonly identityArgs: readonly (readonly string[])[];
  readonly arrayLengthField: readonly string[] | undefined;
  readonly uncountRejected: boolean;
  readonly readOnly: boolean;
  readonly message: string | undefined;
  readonly onStoreFailure: OnStoreFailure | undefined;
}

export interface DeclarationProblem {
  readonly coordinate: string;
  readonly message: string;
  /** Absent where it is the link's. */
  readonly node?: ASTNode;
}

export interface RateLimitDeclarations {
  readonly declarations: readonly RateLimitDeclaration[];
  readonly problems: readonly DeclarationProblem[];
}

export const rateLimitSpec = 'https://specs.supergate.dev/rateLimit';

/** What subgraphs define; `docs/rate-limits.md` tells what each argument means. */
export const rateLimitDefinition = `directive @rateLimit(
  max: Int
  window: String
  tier: String
  by: String
  algorithm: String
  identityArgs: [String!]
  arrayLengthField: String
  uncountRejected: Boolean
  readOnly: Boolean
  onStoreFailure: String
  message: String
) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE`;

const argumentTypes: Readonly<Record<string, string>> = {
  max: 'Int',
  window: 'String',
  tier: 'String',
  by: 'String',
  algorithm: 'String',
  identityArgs: '[String!]',
  arrayLengthField: 'String',
  uncountRejected: 'Boolean',
  readOnly: 'Boolean',
  onStoreFailure: 'String',
  message: 'String',
};
const places = ['FIELD_DEFINITION', 'OBJECT', 'INTERFACE'];

/** Reads all of `document`. `tiers`: names that there are; without them any name is taken. */
export function readRateLimits(document: DocumentNode, tiers: readonly string[] | undefined): RateLimitDeclarations {
  const link = readLinks(document, 'link').find(({ identity }) => identity === rateLimitSpec);
  if (!link) return { declarations: [], problems: [] };
  const directive = link.directiveName('rateLimit');
  if (link.version !== '1.0') {
    const message = `version ${link.version} is unknown: this gateway enforces ${rateLimitSpec}/v1.0`;
    return { declarations: [], problems: [{ coordinate: `@${directive}`, message }] };
  }
  return new Reader(document, directive, tiers).read();
}

class Reader {
  private readonly declarations: RateLimitDeclaration[] = [];
  private readonly problems: DeclarationProblem[] = [];
  private readonly inputs = new Map<string, InputValueDefinitionNode[]>();

  constructor(
    private readonly document: DocumentNode,
    private readonly directive: string,
    private readonly tiers: readonly string[] | undefined,
  ) {
    for (const node of document.definitions) {
      if (node.kind !== Kind.INPUT_OBJECT_TYPE_DEFINITION && node.kind !== Kind.INPUT_OBJECT_TYPE_EXTENSION) continue;
      const name = node.name.value;
      this.inputs.set(name, [...(this.inputs.get(name) ?? []), ...(node.fields ?? [])]);
    }
  }

  read(): RateLimitDeclarations {
    for (const node of this.document.definitions) {
      switch (node.kind) {
        case Kind.DIRECTIVE_DEFINITION:
          if (node.name.value === this.directive) this.checkDefinition(node);
          break;
        case Kind.OBJECT_TYPE_DEFINITION:
        case Kind.OBJECT_TYPE_EXTENSION:
        case Kind.INTERFACE_TYPE_DEFINITION:
        case Kind.INTERFACE_TYPE_EXTENSION: {
          const type = node.name.value;
          for (const use of this.usesOf(node)) this.readUse(use, type, undefined);
          for (const field of node.fields ?? []) {
            for (const use of this.usesOf(field)) this.readUse(use, `${type}.${field.name.value}`, field);
          }
          break;
        }
      }
    }
    return { declarations: this.declarations, problems: this.problems };
  }

  private usesOf({ directives = [] }: { readonly directives?: readonly ConstDirectiveNode[] | undefined }) {
    return directives.filter(({ name }) => name.value === this.directive);
  }

  /** What another definition would allow to be written would not be enforced. */
  private checkDefinition(node: DirectiveDefinitionNode): void {
    const say = (message: string, at: ASTNode) =>
      this.problems.push({ coordinate: `@${this.directive}`, message, node: at });
    for (const argument of node.arguments ?? []) {
      const name = argument.name.value;
      const expected = Object.hasOwn(argumentTypes, name) ? argumentTypes[name] : undefined;
      if (expected === undefined)
        say(`there is no argument "${name}"${suggest(name, Object.keys(argumentTypes))}`, argument);
      else if (print(argument.type) !== expected) say(`the argument "${name}" has the type ${expected}`, argument);
      else if (argument.defaultValue) say(`the argument "${name}" has no default value`, argument);
    }
    if (!node.repeatable) say('it must be repeatable: a field may have several limits, and subgraphs may differ', node);
    for (const place of node.locations.filter(({ value }) => !places.includes(value))) {
      say(`it has no meaning on ${place.value}, only on ${places.join(', ')}`, place);
    }
  }

  private readUse(use: ConstDirectiveNode, coordinate: string, field: FieldDefinitionNode | undefined): void {
    const before = this.problems.length;
    const say = (message: string, node: ASTNode = use) => void this.problems.push({ coordinate, message, node });
    const values = new Map<string, ConstValueNode>();
    for (const argument of use.arguments ?? []) {
      const name = argument.name.value;
      if (!Object.hasOwn(argumentTypes, name)) {
        say(`there is no argument "${name}"${suggest(name, Object.keys(argumentTypes))}`, argument);
      } else if (argument.value.kind !== Kind.NULL) {
        if (hasType(argument.value, argumentTypes[name])) values.set(name, argument.value);
        else say(`${name} must be ${argumentTypes[name]}, not ${print(argument.value)}`, argument);
      }
    }
    if (this.problems.length > before) return;
    const declaration = declarationOf(coordinate, values, say);
    this.checkAllowance(declaration, say);
    for (const path of declaration.identityArgs) this.findArgument(path, 'identityArgs', field, say);
    const { arrayLengthField } = declaration;
    const counted = arrayLengthField && this.findArgument(arrayLengthField, 'arrayLengthField', field, say);
    if (counted && !isList(counted)) say(`arrayLengthField: "${arrayLengthField.join('.')}" is no list`);
    if (this.problems.length === before) this.declarations.push(declaration);
  }

  private checkAllowance({ max, windowMs, tier, algorithm }: RateLimitDeclaration, say: Say): void {
    if (tier === undefined) {
      if (max === undefined || windowMs === undefined) say('give max and window, or the tier that has them');
      else {
        const problem = quotaProblem(max, algorithm ?? 'sliding-window');
        if (problem !== undefined) say(problem);
      }
    } else if (max !== undefined || windowMs !== undefined || algorithm !== undefined) {
      say('tier has its own max, window and algorithm: give either');
    } else if (this.tiers && !this.tiers.includes(tier)) {
      say(`there is no tier "${tier}"${suggest(tier, this.tiers)}: rateLimits.tiers has ${this.tiers.join(', ')}`);
    }
  }

  /** The type of what `path` leads to in the arguments of `field`. */
  private findArgument(
    path: readonly string[],
    what: string,
    field: FieldDefinitionNode | undefined,
    say: Say,
  ): TypeNode | undefined {
    if (!field) {
      say(`${what} belongs on a field: a type has no arguments`);
      return undefined;
    }
    let known: readonly InputValueDefinitionNode[] = field.arguments ?? [];
    let type: TypeNode | undefined;
    for (const name of path) {
      type = known.find((argument) => argument.name.value === name)?.type;
      if (!type) {
        const names = known.map((argument) => argument.name.value);
        say(`${what}: there is no "${path.join('.')}" in the arguments${suggest(name, names)}`);
        return undefined;
      }
      known = isList(type) ? [] : (this.inputs.get(namedTypeOf(type)) ?? []);
    }
    return type;
  }
}

type Say = (message: string, node?: ASTNode) => void;

function declarationOf(
  coordinate: string,
  values: ReadonlyMap<string, ConstValueNode>,
  say: Say,
): RateLimitDeclaration {
  const textOf = (name: string): string | undefined => {
    const value = values.get(name);
    return value?.kind === Kind.STRING ? value.value : undefined;
  };
  const flagOf = (name: string): boolean | undefined => {
    const value = values.get(name);
    return value?.kind === Kind.BOOLEAN ? value.value : undefined;
  };
  const wordOf = <Word extends string>(name: string, words: readonly Word[]): Word | undefined => {
    const written = textOf(name);
    const word = words.find((candidate) => candidate === written);
    if (written !== undefined && word === undefined) {
      say(`${name}: "${written}" is none of ${words.join(', ')}${suggest(written, words)}`);
    }
    return word;
  };
  const max = values.get('max');
  const window = textOf('window');
  const windowMs = window === undefined ? undefined : readWindow(window);
  if (window !== undefined && windowMs === undefined) say(`window: "${window}": ${windowProblem}`);
  const identityArgs = values.get('identityArgs');
  const message = textOf('message');
  if (message === '') say('message must not be empty');
  return {
    coordinate,
    max: max?.kind === Kind.INT ? Number(max.value) : undefined,
    // A wrong one is told above, once.
    windowMs: windowMs ?? (window === undefined ? undefined : 1),
    tier: textOf('tier'),
    by: wordOf('by', rateLimitWords.countedBy),
    algorithm: wordOf('algorithm', rateLimitWords.algorithms),
    identityArgs:
      identityArgs?.kind === Kind.LIST
        ? identityArgs.values.flatMap((value) => (value.kind === Kind.STRING ? [value.value.split('.')] : []))
        : [],
    arrayLengthField: textOf('arrayLengthField')?.split('.'),
    uncountRejected: flagOf('uncountRejected') ?? true,
    readOnly: flagOf('readOnly') ?? false,
    message,
    onStoreFailure: wordOf('onStoreFailure', rateLimitWords.storeFailures),
  };
}

function hasType(value: ConstValueNode, type: string | undefined): boolean {
  switch (type) {
    case 'Int':
      return value.kind === Kind.INT;
    case 'Boolean':
      return value.kind === Kind.BOOLEAN;
    case '[String!]':
      return value.kind === Kind.LIST && value.values.every((item) => item.kind === Kind.STRING);
    default:
      return value.kind === Kind.STRING;
  }
}
