/**
 * Conformance fuzzer: the graph as plain data, undivided types and who owns what side by side.
 * `generate-schema.ts` makes it, `split.ts` fills in owners and sites, printing, data and subgraphs read it.
 */

export type TypeRef =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'list'; readonly of: TypeRef }
  | { readonly kind: 'nonNull'; readonly of: TypeRef };

/** How a field's value tells which entity it belongs to. Fields without a role are hashed. */
export type FieldRole =
  /** One component of a key: `component` of `components` numbers that together are the entity's number. */
  | { readonly kind: 'key'; readonly component: number; readonly components: number }
  /** The key object or key entity with the same number as its owner. */
  | { readonly kind: 'keyObject' }
  /** The number of mutations run when the payload was made. */
  | { readonly kind: 'sequence' }
  /** The number of mutations run when the field is read. */
  | { readonly kind: 'version' };

/** An enum value as an argument: prints as a name, is data as a text. */
export class EnumValue {
  constructor(readonly name: string) {}
  toJSON(): string {
    return this.name;
  }
}

export interface ArgumentModel {
  readonly name: string;
  readonly type: TypeRef;
  /** In its coerced form; `undefined` is none. */
  readonly defaultValue?: unknown;
}

export type RequiredSelection =
  | {
      readonly kind: 'field';
      readonly name: string;
      readonly args: Readonly<Record<string, unknown>>;
      readonly selections: readonly RequiredSelection[];
    }
  | { readonly kind: 'fragment'; readonly on: string; readonly selections: readonly RequiredSelection[] };

export interface FieldModel {
  readonly name: string;
  type: TypeRef;
  readonly args: readonly ArgumentModel[];
  readonly role?: FieldRole;
  /** Order of making: a field may require only fields of a lower rank, so requirements have no cycle. */
  readonly rank: number;
  /** The type whose name makes the data: of an interface object's field, the interface. */
  readonly dataOf: string;
  /** Concrete types an abstract result may have. */
  readonly members: readonly string[];
  /** Subgraphs that resolve it. */
  readonly owners: Set<string>;
  /** The subgraph that still declares it although its owner overrides it there. */
  overriddenIn?: string;
  /** Of a progressive override: whether the owner answers always, or the overridden subgraph. */
  overrideLabel?: 'percent(100)' | 'percent(0)';
  requires?: readonly RequiredSelection[];
  readonly provides: Map<string, readonly RequiredSelection[]>;
  /** Whether another subgraph provides it on some path: then its owner must share it. */
  provided: boolean;
  inaccessible: boolean;
  /** Whether null and errors may appear where the type forbids them: never on what others depend on. */
  mayFail: boolean;
  /** Never null although nullable, so that some subgraphs may declare it non-null. */
  readonly nonNullIn: Set<string>;
  /** A subgraph that declares the only type which its objects have, instead of the interface or union. */
  narrowIn?: string;
}

export interface KeyModel {
  readonly selection: readonly RequiredSelection[];
}

export interface Site {
  readonly keys: { readonly key: KeyModel; resolvable: boolean }[];
  /** Fields declared with @external. */
  readonly externals: Set<string>;
}

/** Instances are numbered 0 to size-1; number n has the type `types[n % types.length]`. */
export interface Population {
  readonly name: string;
  readonly size: number;
  readonly types: readonly string[];
}

export interface ObjectModel {
  readonly kind: 'object';
  readonly name: string;
  readonly role: 'root' | 'entity' | 'value' | 'dividedValue' | 'keyObject' | 'payload';
  readonly fields: FieldModel[];
  readonly keys: KeyModel[];
  readonly population?: Population;
  readonly sites: Map<string, Site>;
  /** Whether clients may not know of it: where an object of it stands, they get null and an error. */
  hidden?: true;
}

export interface InterfaceModel {
  readonly kind: 'interface';
  readonly name: string;
  readonly fields: FieldModel[];
  readonly members: string[];
  readonly parents: string[];
  /** Subgraphs that declare it as an interface. */
  readonly sites: Set<string>;
  /** Set for an interface with a key: `home` declares all members, `objects` see it as an object. */
  keyed?: {
    readonly home: string;
    readonly key: KeyModel;
    readonly objects: Map<string, Site>;
    readonly population: Population;
  };
  /** Fields that only interface objects add. */
  readonly objectFields: FieldModel[];
}

export interface UnionModel {
  readonly kind: 'union';
  readonly name: string;
  readonly members: readonly string[];
  readonly sites: Map<string, Set<string>>;
}

export interface EnumModel {
  readonly kind: 'enum';
  readonly name: string;
  readonly values: readonly string[];
  /** A value that subgraphs know and clients do not. */
  readonly hidden?: string;
}

export interface ScalarModel {
  readonly kind: 'scalar';
  readonly name: string;
}

export interface InputModel {
  readonly kind: 'input';
  readonly name: string;
  readonly fields: readonly ArgumentModel[];
}

export type TypeModel = ObjectModel | InterfaceModel | UnionModel | EnumModel | ScalarModel | InputModel;

export interface GraphModel {
  readonly seed: string;
  readonly subgraphs: readonly string[];
  readonly types: Map<string, TypeModel>;
}

export const named = (name: string): TypeRef => ({ kind: 'named', name });
export const nonNull = (of: TypeRef): TypeRef => ({ kind: 'nonNull', of });
export const listOf = (of: TypeRef): TypeRef => ({ kind: 'list', of });

/** `[Named!]` of `User`: `[User!]`. */
export function withBase(type: TypeRef, name: string): TypeRef {
  return type.kind === 'named' ? named(name) : { kind: type.kind, of: withBase(type.of, name) };
}

/** `[[Post!]]!` to `Post`. */
export function baseOf(type: TypeRef): string {
  return type.kind === 'named' ? type.name : baseOf(type.of);
}

export function printType(type: TypeRef): string {
  if (type.kind === 'named') return type.name;
  return type.kind === 'list' ? `[${printType(type.of)}]` : `${printType(type.of)}!`;
}

export function nullable(type: TypeRef): TypeRef {
  return type.kind === 'nonNull' ? type.of : type;
}

export function objectsOf(model: GraphModel): ObjectModel[] {
  return [...model.types.values()].filter((type) => type.kind === 'object');
}

export function interfacesOf(model: GraphModel): InterfaceModel[] {
  return [...model.types.values()].filter((type) => type.kind === 'interface');
}

export function objectOf(model: GraphModel, name: string): ObjectModel {
  const type = model.types.get(name);
  if (type?.kind !== 'object') throw new Error(`${name} is not an object type`);
  return type;
}

/** Interfaces a type belongs to, whoever declares it so. */
export function interfacesWith(model: GraphModel, member: string): InterfaceModel[] {
  return interfacesOf(model).filter((type) => type.members.includes(member));
}

/** A field as it is seen on a type: its own, or one that an interface object adds to it. */
export function fieldOf(model: GraphModel, typeName: string, fieldName: string): FieldModel | undefined {
  const type = model.types.get(typeName);
  if (type?.kind === 'object') {
    const own = type.fields.find((field) => field.name === fieldName);
    if (own) return own;
    for (const parent of interfacesWith(model, typeName)) {
      const added = parent.objectFields.find((field) => field.name === fieldName);
      if (added) return added;
    }
    return undefined;
  }
  if (type?.kind !== 'interface') return undefined;
  return [...type.fields, ...type.objectFields].find((field) => field.name === fieldName);
}

/** Concrete types behind an output type's name. */
export function concreteTypes(model: GraphModel, typeName: string): readonly string[] {
  const type = model.types.get(typeName);
  if (type?.kind === 'interface' || type?.kind === 'union') return type.members;
  return type?.kind === 'object' ? [typeName] : [];
}

const emptySelection: readonly RequiredSelection[] = [];

/** `id`, without arguments. */
export function select(
  name: string,
  selections = emptySelection,
  args: Record<string, unknown> = {},
): RequiredSelection {
  return { kind: 'field', name, args, selections };
}
