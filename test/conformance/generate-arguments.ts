/**
 * Conformance fuzzer: arguments of generated operations, as literals and as variables with and without defaults.
 * Keeps the definitions and the values of the variables it invents.
 */
import {
  type ArgumentNode,
  type ConstValueNode,
  type GraphQLField,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  Kind,
  parseType,
  type ValueNode,
  type VariableDefinitionNode,
  type VariableNode,
} from 'graphql';
import { variableNames } from './names';
import type { Random } from './random';

const nameNode = (value: string) => ({ kind: Kind.NAME as const, value });

const texts = ['USD', 'EUR', '', 'q"uo\\te', 'line\nbreak', 'ü\u2028✓', '5', '}{$a'] as const;

/** Writes arguments and collects variables for one operation. */
export class ArgumentWriter {
  readonly definitions: VariableDefinitionNode[] = [];
  readonly values: Record<string, unknown> = {};

  constructor(private readonly rng: Random) {}

  /** Arguments for a field: required ones always, others often; few different values, so that fields merge. */
  argumentsOf(field: GraphQLField<unknown, unknown>): ArgumentNode[] {
    const given = field.args.filter(
      (argument) => (isNonNullType(argument.type) && argument.defaultValue === undefined) || this.rng.chance(0.6),
    );
    return given.map((argument) => ({
      kind: Kind.ARGUMENT,
      name: nameNode(argument.name),
      value: this.value(argument.type, argument.defaultValue !== undefined, 0),
    }));
  }

  /** A Boolean for @skip and @include. */
  condition(): ValueNode {
    if (this.rng.chance(0.35)) return { kind: Kind.BOOLEAN, value: this.rng.chance(0.5) };
    const known = this.definitions.filter((definition) => typeText(definition) === 'Boolean!');
    if (known.length > 0 && this.rng.chance(0.5)) return this.rng.pick(known).variable;
    return this.define('Boolean!', this.rng.chance(0.5), this.rng.chance(0.2) ? this.rng.chance(0.5) : undefined);
  }

  private value(type: GraphQLInputType, hasDefault: boolean, depth: number): ValueNode {
    if (this.rng.chance(depth === 0 ? 0.4 : 0.12)) return this.variable(type, hasDefault);
    const inner = isNonNullType(type) ? type.ofType : type;
    if (inner === type && this.rng.chance(0.1)) return { kind: Kind.NULL };
    if (isListType(inner)) {
      // A single value stands for a list of one.
      if (this.rng.chance(0.15)) return this.nonNullValue(inner.ofType, depth + 1);
      const values = Array.from({ length: this.rng.below(3) }, () => this.value(inner.ofType, false, depth + 1));
      return { kind: Kind.LIST, values };
    }
    if (isInputObjectType(inner)) {
      const fields = Object.values(inner.getFields()).filter(
        (field) => isRequiredInputField(field) || this.rng.chance(depth > 1 ? 0.15 : 0.45),
      );
      return {
        kind: Kind.OBJECT,
        fields: fields.map((field) => ({
          kind: Kind.OBJECT_FIELD,
          name: nameNode(field.name),
          value: this.value(field.type, field.defaultValue !== undefined, depth + 1),
        })),
      };
    }
    return this.leaf(inner);
  }

  private nonNullValue(type: GraphQLInputType, depth: number): ValueNode {
    const value = this.value(type, false, depth);
    return value.kind === Kind.NULL || value.kind === Kind.VARIABLE ? this.constant(type) : value;
  }

  /** A literal without variables and without null at the top. */
  private constant(type: GraphQLInputType): ConstValueNode {
    const inner = isNonNullType(type) ? type.ofType : type;
    if (isListType(inner)) return { kind: Kind.LIST, values: [this.constant(inner.ofType)] };
    if (isInputObjectType(inner)) {
      const fields = Object.values(inner.getFields()).filter(isRequiredInputField);
      return {
        kind: Kind.OBJECT,
        fields: fields.map((field) => ({
          kind: Kind.OBJECT_FIELD,
          name: nameNode(field.name),
          value: this.constant(field.type),
        })),
      };
    }
    return this.leaf(inner);
  }

  private leaf(type: GraphQLInputType): ConstValueNode {
    const { rng } = this;
    if (isEnumType(type)) return { kind: Kind.ENUM, value: rng.pick(type.getValues()).name };
    switch (String(type)) {
      case 'Int':
        return { kind: Kind.INT, value: String(rng.between(-1, 4)) };
      case 'Float':
        return rng.chance(0.5) ? { kind: Kind.INT, value: '3' } : { kind: Kind.FLOAT, value: rng.pick(['1.5', '2e3']) };
      case 'Boolean':
        return { kind: Kind.BOOLEAN, value: rng.chance(0.5) };
      case 'ID':
        return rng.chance(0.5) ? { kind: Kind.INT, value: '7' } : { kind: Kind.STRING, value: rng.pick(['7', 'x']) };
      case 'JSON':
        return rng.pick<ConstValueNode>([
          { kind: Kind.STRING, value: 'json' },
          { kind: Kind.LIST, values: [{ kind: Kind.INT, value: '1' }, { kind: Kind.NULL }] },
          { kind: Kind.OBJECT, fields: [jsonField('id', '1'), jsonField('constructor', '2')] },
        ]);
      default:
        return { kind: Kind.STRING, value: rng.pick(texts), block: rng.chance(0.1) };
    }
  }

  private variable(type: GraphQLInputType, hasDefault: boolean): VariableNode {
    const { rng } = this;
    const text = String(type);
    const known = this.definitions.filter((definition) => typeText(definition) === text);
    if (known.length > 0 && rng.chance(0.4)) return rng.pick(known).variable;
    // A nullable variable may stand where null is forbidden when one of both has a default.
    if (isNonNullType(type) && rng.chance(0.3)) {
      const initial = this.json(type);
      const given = rng.chance(0.5) ? this.json(type) : undefined;
      if (hasDefault && rng.chance(0.5)) return this.define(String(type.ofType), given, undefined);
      return this.define(String(type.ofType), given, initial, type.ofType);
    }
    if (!isNonNullType(type) && rng.chance(0.2)) return this.define(`${text}!`, this.json(type), undefined);
    const initial = rng.chance(0.2) ? this.json(type) : undefined;
    const optional = !isNonNullType(type) || initial !== undefined;
    const given = optional && rng.chance(0.25) ? undefined : this.json(type);
    const explicitNull = !isNonNullType(type) && rng.chance(0.08);
    return this.define(text, explicitNull ? null : given, initial, type);
  }

  private define(text: string, given: unknown, initial: unknown, type?: GraphQLInputType): VariableNode {
    const taken = new Set(this.definitions.map((definition) => definition.variable.name.value));
    const free = variableNames.filter((name) => !taken.has(name));
    const name = free.length > 0 ? this.rng.pick(free) : `v${this.definitions.length}`;
    const variable: VariableNode = { kind: Kind.VARIABLE, name: nameNode(name) };
    const defaultValue = initial === undefined ? undefined : this.literal(initial, type);
    this.definitions.push({
      kind: Kind.VARIABLE_DEFINITION,
      variable,
      type: parseType(text),
      ...(defaultValue ? { defaultValue } : {}),
    });
    if (given !== undefined) this.values[name] = given;
    return variable;
  }

  /** A value as a client sends it in `variables`, never null at the top. */
  private json(type: GraphQLInputType): unknown {
    const { rng } = this;
    const inner = isNonNullType(type) ? type.ofType : type;
    if (isListType(inner)) {
      if (rng.chance(0.1)) return this.json(inner.ofType);
      return Array.from({ length: rng.below(3) }, () => this.jsonOrNull(inner.ofType));
    }
    if (isInputObjectType(inner)) {
      const fields = Object.values(inner.getFields()).filter(
        (field) => isRequiredInputField(field) || (field.name !== 'and' && rng.chance(0.4)),
      );
      return Object.fromEntries(fields.map((field) => [field.name, this.jsonOrNull(field.type)]));
    }
    if (isEnumType(inner)) return rng.pick(inner.getValues()).name;
    switch (String(inner)) {
      case 'Int':
        return rng.between(-1, 4);
      case 'Float':
        return rng.pick([3, 1.5]);
      case 'Boolean':
        return rng.chance(0.5);
      case 'ID':
        return rng.pick<unknown>([7, '7', 'x']);
      case 'JSON':
        return rng.pick<unknown>(['json', [1, null], { id: 1, constructor: { a: 2 } }, 0]);
      default:
        return rng.pick(texts);
    }
  }

  private jsonOrNull(type: GraphQLInputType): unknown {
    return !isNonNullType(type) && this.rng.chance(0.12) ? null : this.json(type);
  }

  private literal(value: unknown, type: GraphQLInputType | undefined): ConstValueNode {
    const inner = type && isNonNullType(type) ? type.ofType : type;
    if (value === null) return { kind: Kind.NULL };
    if (Array.isArray(value)) {
      const item = isListType(inner) ? inner.ofType : undefined;
      return { kind: Kind.LIST, values: value.map((part) => this.literal(part, item)) };
    }
    if (isListType(inner)) return this.literal(value, inner.ofType);
    if (typeof value === 'object') {
      const fields = isInputObjectType(inner) ? inner.getFields() : {};
      return {
        kind: Kind.OBJECT,
        fields: Object.entries(value).map(([name, part]) => ({
          kind: Kind.OBJECT_FIELD,
          name: nameNode(name),
          value: this.literal(part, Object.hasOwn(fields, name) ? fields[name]!.type : undefined),
        })),
      };
    }
    if (typeof value === 'boolean') return { kind: Kind.BOOLEAN, value };
    if (typeof value === 'number') {
      return Number.isInteger(value)
        ? { kind: Kind.INT, value: String(value) }
        : { kind: Kind.FLOAT, value: String(value) };
    }
    return isEnumType(inner) ? { kind: Kind.ENUM, value: String(value) } : { kind: Kind.STRING, value: String(value) };
  }
}

function jsonField(name: string, value: string) {
  return { kind: Kind.OBJECT_FIELD as const, name: nameNode(name), value: { kind: Kind.INT as const, value } };
}

function typeText(definition: VariableDefinitionNode): string {
  const { type } = definition;
  if (type.kind === Kind.NAMED_TYPE) return type.name.value;
  const inner = typeText({ ...definition, type: type.type });
  return type.kind === Kind.LIST_TYPE ? `[${inner}]` : `${inner}!`;
}
