/**
 * Conformance fuzzer: random valid operations over an undivided schema. In: a schema and a stream of draws.
 * Out: a document, variables and an operation name; nothing when the draw turned out invalid.
 */
import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  type InlineFragmentNode,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionNode,
  type SelectionSetNode,
  validate,
} from 'graphql';
import { type Case, pruneCase } from './case';
import { ArgumentWriter } from './generate-arguments';
import { hostileAliases } from './names';
import type { Random } from './random';
import { ResponseScope } from './response-scope';

const nameNode = (value: string) => ({ kind: Kind.NAME as const, value });

/** Draws one operation, or `undefined` when it does not validate. */
export function generateCase(schema: GraphQLSchema, rng: Random): Case | undefined {
  const mutation = schema.getMutationType() !== undefined && schema.getMutationType() !== null && rng.chance(0.12);
  const main = new OperationWriter(schema, rng, 'Main');
  const definitions = [...main.write(mutation ? OperationTypeNode.MUTATION : OperationTypeNode.QUERY)];
  const several = rng.chance(0.08);
  const name = rng.chance(0.5) || several ? rng.pick(['Main', 'Query', 'constructor', 'toString', '_0']) : undefined;
  const operation = definitions[0] as OperationDefinitionNode;
  definitions[0] = { ...operation, ...(name ? { name: nameNode(name) } : {}) };
  if (several) {
    const decoy = new OperationWriter(schema, rng, 'Decoy').write(OperationTypeNode.QUERY);
    definitions.push({ ...(decoy[0] as OperationDefinitionNode), name: nameNode('Decoy') }, ...decoy.slice(1));
  }
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: rng.chance(0.2) ? rng.shuffle(definitions) : definitions,
  };
  const named = name !== undefined && (several || rng.chance(0.5));
  const drawn = pruneCase({ document, variables: main.variables(), ...(named ? { operationName: name } : {}) });
  if (rng.chance(0.04)) spoilVariable(drawn, rng);
  return validate(schema, drawn.document).length > 0 ? undefined : drawn;
}

/** Gives a variable a value that its type may well not take, or one that nobody declared. */
function spoilVariable({ variables }: Case, rng: Random): void {
  const name = rng.pick([...Object.keys(variables), 'undeclared']);
  const value = rng.pick<unknown>([undefined, null, true, 1, 1.5, 2 ** 31, '', 'SECRET', [[]], [null], { id: 1 }]);
  if (value === undefined) delete variables[name];
  else variables[name] = value;
}

class OperationWriter {
  private readonly fragments: FragmentDefinitionNode[] = [];
  private readonly args: ArgumentWriter;
  private budget: number;
  /** Concrete types that the place being written can have, fragments around it considered. */
  private possible: readonly GraphQLObjectType[] = [];

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly rng: Random,
    private readonly prefix: string,
  ) {
    this.args = new ArgumentWriter(rng);
    this.budget = rng.between(6, 40);
  }

  variables(): Record<string, unknown> {
    return this.args.values;
  }

  write(operation: OperationTypeNode): (OperationDefinitionNode | FragmentDefinitionNode)[] {
    const root = this.schema.getRootType(operation)!;
    const scope = new ResponseScope(this.schema);
    const selectionSet = this.within([root], () => this.selectionSet(root, scope, 0));
    const variableDefinitions = this.args.definitions;
    return [{ kind: Kind.OPERATION_DEFINITION, operation, variableDefinitions, selectionSet }, ...this.fragments];
  }

  private selectionSet(type: GraphQLCompositeType, scope: ResponseScope, depth: number): SelectionSetNode {
    const { rng } = this;
    const count = depth === 0 ? rng.between(1, 3) : rng.between(1, 5);
    const selections: SelectionNode[] = [];
    for (let index = 0; index < count; index++) {
      if (this.budget <= 0 && selections.length > 0) break;
      this.budget--;
      const selection = this.selection(type, scope, depth);
      if (selection) selections.push(selection);
    }
    if (selections.length === 0) selections.push(this.typename(type, scope));
    if (rng.chance(0.04)) selections.push(rng.pick(selections));
    return { kind: Kind.SELECTION_SET, selections };
  }

  private selection(type: GraphQLCompositeType, scope: ResponseScope, depth: number): SelectionNode | undefined {
    const { rng } = this;
    const fragments = isAbstractType(type) ? 0.55 : 0.18;
    if (depth < 7 && rng.chance(fragments)) return this.fragment(type, scope, depth);
    if (rng.chance(depth === 0 ? 0.03 : 0.08)) return this.typename(type, scope);
    if (depth === 0 && type === this.schema.getQueryType() && rng.chance(0.02)) return this.introspection(scope);
    return this.field(type, scope, depth);
  }

  private typename(type: GraphQLCompositeType, scope: ResponseScope): FieldNode {
    const alias = this.rng.chance(0.25) ? this.alias(type, '__typename') : undefined;
    const node: FieldNode = {
      kind: Kind.FIELD,
      name: nameNode('__typename'),
      ...(alias ? { alias: nameNode(alias) } : {}),
      ...this.directives(),
    };
    if (scope.add(type, node)) return node;
    return { kind: Kind.FIELD, name: nameNode('__typename'), alias: nameNode(`t${this.rng.below(1e6)}`) };
  }

  private introspection(scope: ResponseScope): FieldNode | undefined {
    const name = (value: string): FieldNode => ({ kind: Kind.FIELD, name: nameNode(value) });
    const type = this.rng.pick(Object.keys(this.schema.getTypeMap()).filter((known) => !known.startsWith('__')));
    const node: FieldNode = this.rng.chance(0.5)
      ? {
          kind: Kind.FIELD,
          name: nameNode('__schema'),
          selectionSet: {
            kind: Kind.SELECTION_SET,
            selections: [
              { ...name('queryType'), selectionSet: { kind: Kind.SELECTION_SET, selections: [name('name')] } },
            ],
          },
        }
      : {
          kind: Kind.FIELD,
          name: nameNode('__type'),
          arguments: [{ kind: Kind.ARGUMENT, name: nameNode('name'), value: { kind: Kind.STRING, value: type } }],
          selectionSet: { kind: Kind.SELECTION_SET, selections: [name('kind'), name('name')] },
        };
    if (scope.has(node.name.value)) return undefined;
    scope.reserve(node.name.value);
    return node;
  }

  private field(type: GraphQLCompositeType, scope: ResponseScope, depth: number): FieldNode | undefined {
    const { rng } = this;
    if (!('getFields' in type)) return this.typename(type, scope);
    const all = Object.values(type.getFields());
    const leaves = all.filter((field) => !isCompositeType(getNamedType(field.type)));
    const composites = all.filter((field) => !leaves.includes(field));
    // Ways onward first: a wrong route shows only where subgraphs meet.
    const onward = depth === 0 ? 0.85 : depth < 4 ? 0.4 : 0.15;
    const deep = depth < 7 && this.budget > 0 && rng.chance(onward);
    const wide = leaves.length === 0 && depth < 7 && this.budget > 0;
    const choices = deep && composites.length > 0 ? composites : wide ? all : leaves;
    if (choices.length === 0) return this.typename(type, scope);
    const field: GraphQLField<unknown, unknown> = rng.pick(choices);
    const target = getNamedType(field.type);
    const args = this.args.argumentsOf(field);
    let alias = rng.chance(0.25) ? this.alias(type, field.name) : undefined;
    for (let attempt = 0; attempt < 3; attempt++) {
      const head: FieldNode = {
        kind: Kind.FIELD,
        name: nameNode(field.name),
        ...(alias ? { alias: nameNode(alias) } : {}),
        arguments: args,
        ...this.directives(depth === 0),
      };
      const nested = scope.add(type, head);
      if (nested) {
        if (!isCompositeType(target)) return head;
        const write = (): SelectionSetNode => this.selectionSet(target, nested, depth + 1);
        return { ...head, selectionSet: this.within(this.concrete(target), write) };
      }
      alias = attempt === 0 ? this.alias(type, field.name) : `x${rng.below(1e6)}`;
    }
    return undefined;
  }

  /** Often the name of a key or of another field of the type: what a plan adds beside the client's fields. */
  private alias(type: GraphQLCompositeType, own: string): string {
    const { rng } = this;
    const siblings = 'getFields' in type ? Object.keys(type.getFields()) : [];
    return rng.weighted<() => string>([
      [5, () => rng.pick(siblings.length > 0 ? siblings : ['id'])],
      [2, () => rng.pick(['id', 'key', 'code', 'sku', 'region', 'number', 'ref', 'twin'])],
      [2, () => rng.pick(['a', 'b', 'c'])],
      [1, () => rng.pick(hostileAliases)],
      [1, () => `${own}_`],
    ])();
  }

  private fragment(type: GraphQLCompositeType, scope: ResponseScope, depth: number): SelectionNode | undefined {
    const { rng } = this;
    const condition = this.condition(type);
    if (rng.chance(0.3)) return this.spread(condition ?? type, scope, depth);
    const node: InlineFragmentNode = {
      kind: Kind.INLINE_FRAGMENT,
      ...(condition ? { typeCondition: { kind: Kind.NAMED_TYPE, name: nameNode(condition.name) } } : {}),
      ...this.directives(),
      selectionSet: this.narrowed(condition ?? type, () => this.selectionSet(condition ?? type, scope, depth + 1)),
    };
    return node;
  }

  /** A type of which some instances are of the given one; none for a bare inline fragment. */
  private condition(type: GraphQLCompositeType): GraphQLCompositeType | undefined {
    const { rng, schema } = this;
    if (rng.chance(0.1)) return undefined;
    // Seldom a condition that nothing here meets.
    const here = this.possible.length > 0 && !rng.chance(0.08) ? this.possible : this.concrete(type);
    const possible = here.filter((one) => this.concrete(type).includes(one));
    if (possible.length === 0) return undefined;
    if (isAbstractType(type) && rng.chance(0.65)) return rng.pick(possible);
    const overlapping = Object.values(schema.getTypeMap()).filter(
      (other): other is GraphQLCompositeType =>
        isCompositeType(other) &&
        !other.name.startsWith('__') &&
        this.concrete(other).some((one) => possible.includes(one)),
    );
    return rng.pick(overlapping);
  }

  private concrete(type: GraphQLCompositeType): readonly GraphQLObjectType[] {
    return isObjectType(type) ? [type] : this.schema.getPossibleTypes(type);
  }

  private narrowed<T>(type: GraphQLCompositeType, write: () => T): T {
    const concrete = this.concrete(type);
    return this.within(
      this.possible.filter((one) => concrete.includes(one)),
      write,
    );
  }

  private within<T>(possible: readonly GraphQLObjectType[], write: () => T): T {
    const outer = this.possible;
    this.possible = possible;
    try {
      return write();
    } finally {
      this.possible = outer;
    }
  }

  private spread(type: GraphQLCompositeType, scope: ResponseScope, depth: number): FragmentSpreadNode | undefined {
    const { rng } = this;
    const known = this.fragments.filter((fragment) => fragment.typeCondition.name.value === type.name);
    const reused = known.length > 0 && rng.chance(0.5) ? rng.pick(known) : undefined;
    if (reused && scope.addAll(type, reused.selectionSet, this.fragments)) return this.spreadOf(reused.name.value);
    const name = rng.chance(0.05) ? `${this.prefix}constructor` : `${this.prefix}F${this.fragments.length}`;
    if (this.fragments.some((fragment) => fragment.name.value === name)) return undefined;
    const selectionSet = this.narrowed(type, () => this.selectionSet(type, scope, depth + 1));
    if (this.fragments.some((fragment) => fragment.name.value === name)) return undefined;
    this.fragments.push({
      kind: Kind.FRAGMENT_DEFINITION,
      name: nameNode(name),
      typeCondition: { kind: Kind.NAMED_TYPE, name: nameNode(type.name) },
      selectionSet,
    });
    return this.spreadOf(name);
  }

  private spreadOf(name: string): FragmentSpreadNode {
    return { kind: Kind.FRAGMENT_SPREAD, name: nameNode(name), ...this.directives() };
  }

  private directives(root = false): { directives?: readonly DirectiveNode[] } {
    const { rng } = this;
    if (!rng.chance(root ? 0.02 : 0.06)) return {};
    const names = rng.chance(0.1) ? rng.shuffle(['skip', 'include']) : [rng.pick(['skip', 'include'])];
    return {
      directives: names.map((name) => ({
        kind: Kind.DIRECTIVE,
        name: nameNode(name),
        arguments: [{ kind: Kind.ARGUMENT, name: nameNode('if'), value: this.args.condition() }],
      })),
    };
  }
}
