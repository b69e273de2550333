/**
 * The supergraph -> who may read which field: `@authenticated`, `@requiresScopes` and `@policy` on fields, objects,
 * interfaces, scalars and enums, folded into one requirement for each field of each object type.
 * In: the supergraph. Out: a table. Clock: per supergraph.
 * What it does not understand it refuses: a directive that is read wrongly is a field that is open.
 */
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  type SelectionSetNode,
  type TypeDefinitionNode,
} from 'graphql';
import { type LinkedFeature, namedTypeOf, readArgument, readLinks, specsUrl, UnenforceableError } from './links';
import { type Clause, imply, joinRequirements, type Requirement } from './requirements';

export interface AuthorizationTable {
  /** Requirements by type and field; fields that everybody may read are not in it. */
  readonly fields: ReadonlyMap<string, ReadonlyMap<string, Requirement>>;
  /** By type, the requirements of the fields that its keys are made of: plans fetch these without a client's asking. */
  readonly keys: ReadonlyMap<string, readonly Requirement[]>;
}

/** Features of which the versions are known and enforced, here or by the planner. */
const enforced: Readonly<Record<string, readonly string[]>> = {
  [specsUrl('authenticated')]: ['0.1'],
  [specsUrl('requiresScopes')]: ['0.1'],
  [specsUrl('policy')]: ['0.1'],
  [specsUrl('inaccessible')]: ['0.1', '0.2'],
  [specsUrl('context')]: ['0.1'],
};

/** Reads the table. Throws `UnenforceableError` for what could not be enforced as it is written. */
export function readAuthorizationTable(supergraph: DocumentNode): AuthorizationTable {
  const links = readLinks(supergraph);
  for (const { identity, version, purpose } of links) {
    const isKnown = enforced[identity]?.includes(version) ?? purpose !== 'SECURITY';
    if (!isKnown) {
      throw new UnenforceableError(
        `The supergraph demands ${identity}/v${version}, which this gateway cannot enforce.`,
      );
    }
  }
  const readers = new Map(links.flatMap(clauseReaders));
  const context = links.find(({ identity }) => identity === specsUrl('context'))?.directiveName('context');
  return readers.size === 0
    ? { fields: new Map(), keys: new Map() }
    : new TableReader(supergraph, readers, context).read();
}

type ClauseReader = (directive: ConstDirectiveNode) => Clause;

/** By the name of a directive, how it is read. */
function clauseReaders({ identity, directiveName }: LinkedFeature): [string, ClauseReader][] {
  switch (identity) {
    case specsUrl('authenticated'):
      return [[directiveName('authenticated'), () => ({ kind: 'authenticated' })]];
    case specsUrl('requiresScopes'):
      return [[directiveName('requiresScopes'), (node) => ({ kind: 'scopes', anyOf: readLists(node, 'scopes') })]];
    case specsUrl('policy'):
      return [[directiveName('policy'), (node) => ({ kind: 'policies', anyOf: readLists(node, 'policies') })]];
    default:
      return [];
  }
}

/** `[["a", "b"], ["c"]]`; input coercion makes a list of what is none (specification 3.11). */
function readLists(directive: ConstDirectiveNode, name: string): string[][] {
  const value = readArgument(directive, name);
  const lists = (Array.isArray(value) ? value : [value]).map((item: unknown) => (Array.isArray(item) ? item : [item]));
  if (!lists.flat().every((item) => typeof item === 'string')) {
    throw new UnenforceableError(`@${directive.name.value} is applied without lists of names as its "${name}".`);
  }
  return lists as string[][];
}

type Fielded = Extract<TypeDefinitionNode, { fields?: readonly FieldDefinitionNode[] }>;

class TableReader {
  private readonly types = new Map<string, TypeDefinitionNode>();
  private readonly objects: ObjectTypeDefinitionNode[] = [];
  private readonly complete = new Map<string, Requirement>();
  /** The types that give a context its values. */
  private readonly contexts = new Map<string, string[]>();

  constructor(
    supergraph: DocumentNode,
    private readonly readers: ReadonlyMap<string, ClauseReader>,
    contextDirective: string | undefined,
  ) {
    for (const definition of supergraph.definitions) {
      if (!definition.kind.endsWith('TypeDefinition')) continue;
      const type = definition as TypeDefinitionNode;
      this.types.set(type.name.value, type);
      for (const directive of type.directives ?? []) {
        if (directive.name.value !== contextDirective) continue;
        const name = String(readArgument(directive, 'name'));
        this.contexts.set(name, [...(this.contexts.get(name) ?? []), type.name.value]);
      }
      if (type.kind === Kind.OBJECT_TYPE_DEFINITION) this.objects.push(type);
    }
  }

  read(): AuthorizationTable {
    const table = new Map<string, Map<string, Requirement>>();
    const keys = new Map<string, readonly Requirement[]>();
    for (const type of this.objects) {
      const fields = new Map<string, Requirement>();
      for (const field of type.fields ?? []) {
        const requirement = this.ofField(type, field);
        if (requirement.length > 0) fields.set(field.name.value, requirement);
      }
      if (fields.size > 0) table.set(type.name.value, fields);
      const ofKeys = this.ofKeys(type).filter(({ length }) => length > 0);
      if (ofKeys.length > 0) keys.set(type.name.value, ofKeys);
    }
    return { fields: table, keys };
  }

  /** Of each field that the keys of an object are made of, its interfaces' keys included. */
  private ofKeys(type: ObjectTypeDefinitionNode): Requirement[] {
    const parents = this.interfacesOf(type).flatMap((name) => this.types.get(name)?.directives ?? []);
    return [...(type.directives ?? []), ...parents].flatMap((directive) => {
      const key = directive.name.value === 'join__type' ? readArgument(directive, 'key') : undefined;
      return typeof key === 'string' ? this.ofSelectionText(key, type.name.value) : [];
    });
  }

  /** Of a field of an object, with all that is required to give it its value. */
  private ofField(type: ObjectTypeDefinitionNode, field: FieldDefinitionNode): Requirement {
    const coordinate = `${type.name.value}.${field.name.value}`;
    const known = this.complete.get(coordinate);
    if (known) return known;
    const shallow = joinRequirements(
      this.written(field),
      ...this.interfacesOf(type).map((parent) => this.ofInterfaceField(parent, field.name.value)),
      this.ofType(type.name.value),
      this.ofType(namedTypeOf(field.type)),
    );
    // Set before it is complete: fields that require each other end here.
    this.complete.set(coordinate, shallow);
    const required = (field.directives ?? []).flatMap((directive) => this.ofRequired(directive, type));
    const requirement = joinRequirements(shallow, ...required);
    this.complete.set(coordinate, requirement);
    return requirement;
  }

  /** Whoever may not read what `@requires` and `@fromContext` name must not read what is made of it. */
  private ofRequired(directive: ConstDirectiveNode, type: ObjectTypeDefinitionNode): Requirement[] {
    if (directive.name.value !== 'join__field') return [];
    const requires = readArgument(directive, 'requires');
    const fromContexts = readArgument(directive, 'contextArguments');
    return [
      ...(typeof requires === 'string' ? this.ofSelectionText(requires, type.name.value) : []),
      ...(Array.isArray(fromContexts) ? fromContexts.flatMap((argument) => this.ofContext(argument)) : []),
    ];
  }

  private ofContext(argument: Readonly<Record<'context' | 'selection', unknown>>): Requirement[] {
    const selection = String(argument.selection).trim();
    const types = this.contexts.get(String(argument.context)) ?? [];
    return types.flatMap((name) => this.ofSelectionText(selection.replace(/^\{([\s\S]*)\}$/, '$1'), name));
  }

  private ofSelectionText(selection: string, typeName: string): Requirement[] {
    const [operation] = parse(`{${selection}}`, { noLocation: true }).definitions;
    return operation?.kind === Kind.OPERATION_DEFINITION ? this.ofSelection(operation.selectionSet, typeName) : [];
  }

  private ofSelection(set: SelectionSetNode, typeName: string): Requirement[] {
    return set.selections.flatMap((selection) => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return [];
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        return this.ofSelection(selection.selectionSet, selection.typeCondition?.name.value ?? typeName);
      }
      return this.objectsOf(typeName).flatMap((object) => {
        const field = object.fields?.find(({ name }) => name.value === selection.name.value);
        if (!field) return [];
        const below = selection.selectionSet ? this.ofSelection(selection.selectionSet, namedTypeOf(field.type)) : [];
        return [this.ofField(object, field), ...below];
      });
    });
  }

  /** What is written on a type itself; on an interface, where it is not just what its implementations say. */
  private ofType(name: string): Requirement {
    const type = this.types.get(name);
    if (!type) return [];
    const own = this.written(type);
    if (type.kind === Kind.OBJECT_TYPE_DEFINITION) {
      return joinRequirements(own, ...this.interfacesOf(type).map((parent) => this.ofType(parent)));
    }
    if (type.kind !== Kind.INTERFACE_TYPE_DEFINITION || own.length === 0) return own;
    return imply(
      this.objectsOf(name).map((object) => this.written(object)),
      own,
    )
      ? []
      : own;
  }

  private ofInterfaceField(interfaceName: string, fieldName: string): Requirement {
    const own = this.written(this.fieldOf(this.types.get(interfaceName), fieldName));
    if (own.length === 0) return own;
    const implementations = this.objectsOf(interfaceName).map((object) =>
      this.written(this.fieldOf(object, fieldName)),
    );
    return imply(implementations, own) ? [] : own;
  }

  private written(node: { readonly directives?: readonly ConstDirectiveNode[] | undefined } | undefined): Requirement {
    return joinRequirements(
      (node?.directives ?? []).flatMap((directive) => this.readers.get(directive.name.value)?.(directive) ?? []),
    );
  }

  private fieldOf(type: TypeDefinitionNode | undefined, name: string): FieldDefinitionNode | undefined {
    const fields = type && isFielded(type) ? type.fields : undefined;
    return fields?.find((field) => field.name.value === name);
  }

  private interfacesOf(type: ObjectTypeDefinitionNode): string[] {
    return (type.interfaces ?? []).map(({ name }) => name.value);
  }

  /** The objects of a type: itself, its implementations or its members. */
  private objectsOf(name: string): readonly ObjectTypeDefinitionNode[] {
    const type = this.types.get(name);
    if (type?.kind === Kind.OBJECT_TYPE_DEFINITION) return [type];
    const members = type?.kind === Kind.UNION_TYPE_DEFINITION ? type.types?.map((member) => member.name.value) : [];
    return this.objects.filter(
      (object) => this.interfacesOf(object).includes(name) || members?.includes(object.name.value),
    );
  }
}

function isFielded(type: TypeDefinitionNode): type is Fielded {
  return type.kind === Kind.OBJECT_TYPE_DEFINITION || type.kind === Kind.INTERFACE_TYPE_DEFINITION;
}
