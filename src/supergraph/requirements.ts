/**
 * Which fields require others with arguments (`@requires(fields: "price(currency: \"USD\")")`), the requirements of
 * their requirements included. The planner fetches a required field under its plain name, whatever its arguments: two
 * fields that require it differently must not be planned together. Clock: per supergraph.
 */
import {
  type ConstDirectiveNode,
  type FieldDefinitionNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  type TypeNode,
} from 'graphql';
import type { ArgumentRequirements, SupergraphTypes } from '../query-plan/supergraph-types';

type CompositeDefinition = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode;
type Requirements = Map<string, string>;

/** `{ 'Product.dollars' => { 'price' => 'currency:"USD"' } }`, for the fields of objects and of their interfaces. */
export function readArgumentRequirements(definitions: readonly CompositeDefinition[]): ArgumentRequirements {
  const reader = new RequirementReader(definitions);
  const result = new Map<string, Requirements>();
  for (const type of definitions) {
    for (const field of type.fields ?? []) {
      if (!(field.directives ?? []).some((directive) => readRequires(directive) !== undefined)) continue;
      const requirements = reader.requirementsOf(type, field);
      for (const name of [type, ...(type.interfaces ?? [])].map(nameOf)) {
        const coordinate = `${name}.${field.name.value}`;
        result.set(coordinate, new Map([...(result.get(coordinate) ?? []), ...requirements]));
      }
    }
  }
  return result;
}

function nameOf(node: { readonly name: { readonly value: string } }): string {
  return node.name.value;
}

class RequirementReader {
  private readonly types: ReadonlyMap<string, CompositeDefinition>;
  private readonly known = new Map<FieldDefinitionNode, Requirements>();

  constructor(definitions: readonly CompositeDefinition[]) {
    this.types = new Map(definitions.map((definition) => [nameOf(definition), definition]));
  }

  requirementsOf(type: CompositeDefinition, field: FieldDefinitionNode): Requirements {
    const known = this.known.get(field);
    if (known) return known;
    const requirements: Requirements = new Map();
    // Set before it is complete: fields that require each other end here.
    this.known.set(field, requirements);
    for (const directive of field.directives ?? []) {
      const text = readRequires(directive);
      if (text !== undefined) this.collect(parseSelection(text), type, requirements);
    }
    return requirements;
  }

  private collect(set: SelectionSetNode | undefined, type: CompositeDefinition | undefined, into: Requirements): void {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value;
        this.collect(selection.selectionSet, condition === undefined ? type : this.types.get(condition), into);
      } else if (selection.kind === Kind.FIELD) {
        const field = type?.fields?.find((candidate) => candidate.name.value === selection.name.value);
        if (!type || !field) continue;
        if (field.arguments?.length)
          into.set(selection.name.value, (selection.arguments ?? []).map(print).sort().join());
        for (const [name, value] of this.requirementsOf(type, field)) into.set(name, value);
        this.collect(selection.selectionSet, this.types.get(namedType(field.type)), into);
      }
    }
  }
}

function readRequires(directive: ConstDirectiveNode): string | undefined {
  return directive.name.value === 'join__field' ? readStringArgument(directive, 'requires') : undefined;
}

function parseSelection(text: string): SelectionSetNode | undefined {
  const [operation] = parse(`{${text}}`, { noLocation: true }).definitions;
  return operation?.kind === Kind.OPERATION_DEFINITION ? operation.selectionSet : undefined;
}

/** What plans are checked against, from the `@join__field` of all fields. */
export function readFieldFacts(
  definitions: readonly CompositeDefinition[],
  subgraphNames: ReadonlyMap<string, string>,
): Pick<SupergraphTypes, 'requiredFields' | 'providedFields' | 'fieldType'> {
  const required = new Map<string, string[]>();
  const provided = new Map<string, string[]>();
  const types = new Map<string, string>();
  for (const type of definitions) {
    for (const field of type.fields ?? []) {
      const coordinate = `${nameOf(type)}.${nameOf(field)}`;
      types.set(coordinate, namedType(field.type));
      for (const directive of field.directives ?? []) {
        if (directive.name.value !== 'join__field') continue;
        const subgraph = subgraphNames.get(String(readEnumArgument(directive, 'graph')));
        const requires = readRequires(directive);
        if (requires !== undefined) {
          const names = selectedNames(parseSelection(requires), false);
          // An interface in a plan stands for each of its objects.
          for (const name of [type, ...(type.interfaces ?? [])].map(nameOf)) {
            const key = `${subgraph}:${name}.${nameOf(field)}`;
            required.set(key, [...(required.get(key) ?? []), ...names]);
          }
        }
        const provides = readStringArgument(directive, 'provides');
        if (provides !== undefined)
          provided.set(`${subgraph}:${coordinate}`, selectedNames(parseSelection(provides), true));
      }
    }
  }
  const none: readonly string[] = [];
  return {
    requiredFields: (subgraph, type, field) => required.get(`${subgraph}:${type}.${field}`) ?? none,
    providedFields: (subgraph, type, field) => provided.get(`${subgraph}:${type}.${field}`) ?? none,
    fieldType: (type, field) => types.get(`${type}.${field}`),
  };
}

/** The names of selected fields, with those below them or without. */
function selectedNames(set: SelectionSetNode | undefined, atAnyLevel: boolean): string[] {
  return (set?.selections ?? []).flatMap((selection) => {
    if (selection.kind === Kind.INLINE_FRAGMENT) return selectedNames(selection.selectionSet, atAnyLevel);
    if (selection.kind !== Kind.FIELD) return [];
    return [selection.name.value, ...(atAnyLevel ? selectedNames(selection.selectionSet, true) : [])];
  });
}

function readStringArgument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find((argument) => argument.name.value === name)?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}

function readEnumArgument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find((argument) => argument.name.value === name)?.value;
  return value?.kind === Kind.ENUM ? value.value : undefined;
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type);
}
