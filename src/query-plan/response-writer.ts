/**
 * The response shape -> a generated function that writes the JSON text of a response in one pass, without an object
 * in between. It knows the clean case only: on whatever is unusual (a null that may not be, a value of another type)
 * it gives up, and completion answers instead. So it decides nothing, and where code may not be generated
 * (`--disallow-code-generation-from-strings`) nothing is lost but speed. Clock: per document (by type, on first use).
 */
import { type GraphQLLeafType, isEnumType, isObjectType } from 'graphql';
import type { DataObject } from './data';
import type { FieldShape, SelectionShape, ValueShape } from './response-shape';

/** The text of a response object, or `undefined` when the data is not clean. */
export type WriteObject = (data: DataObject) => string | undefined;

/** Thrown by generated code that gives up; caught here. */
const giveUp = new Error('the data is not clean');

type Writer = (value: unknown) => string;

/** Compiles a shape. `undefined` when it needs more than the data (introspection), or code may not be generated. */
export function compileResponseWriter(shape: SelectionShape): WriteObject | undefined {
  if (!canGenerateCode()) return undefined;
  const fields = shape.fieldsOf(undefined) ?? [];
  if (fields.some(({ kind }) => kind === 'introspection')) return undefined;
  const write = compileSelection(shape);
  return (data) => {
    try {
      return write(data);
    } catch (error) {
      if (error === giveUp) return undefined;
      throw error;
    }
  };
}

function canGenerateCode(): boolean {
  try {
    return new Function('return true')() === true;
  } catch {
    return false;
  }
}

/** Writes a value of a composite type: `null` and lists are the caller's. Types are compiled when they first appear. */
function compileSelection(shape: SelectionShape): Writer {
  if (isObjectType(shape.type)) {
    const fields = shape.fieldsOf(undefined) ?? [];
    let write: Writer = (value) => {
      write = compileObject(shape.typeNameOf(undefined), fields);
      return write(value);
    };
    return (value) => write(value);
  }
  const byTypeName = new Map<unknown, Writer>();
  return (value) => {
    const typeName = isObject(value) ? value.__typename : undefined;
    let write = byTypeName.get(typeName);
    if (!write) {
      const fields = shape.fieldsOf(typeName);
      if (!fields || typeof typeName !== 'string') throw giveUp;
      write = compileObject(typeName, fields);
      byTypeName.set(typeName, write);
    }
    return write(value);
  };
}

function isObject(value: unknown): value is DataObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Generates the writer of one object type. Everything that comes from a document or schema enters the code as a
 * JSON string literal, or from outside through `parts`.
 */
function compileObject(typeName: string, fields: readonly FieldShape[]): Writer {
  const parts: unknown[] = [giveUp, quote];
  const lines = fields.map((field, index) => {
    const name = `${index === 0 ? '{' : ','}${JSON.stringify(field.responseName)}:`;
    if (field.kind !== 'field') return `text += ${JSON.stringify(name + JSON.stringify(typeName))};`;
    const write = writeValue('value', field.value, parts);
    return `value = object[${JSON.stringify(field.travellingName)}]; text += ${JSON.stringify(name)}; ${write}`;
  });
  const code = `
    const [giveUp, quote] = parts;
    ${parts
      .slice(2)
      .map((_part, index) => `const part${index + 2} = parts[${index + 2}];`)
      .join('\n')}
    return (object) => {
      if (typeof object !== 'object' || object === null || Array.isArray(object)) throw giveUp;
      let text = '', value;
      ${lines.join('\n')}
      return text ${fields.length === 0 ? "+ '{}'" : "+ '}'"};
    };`;
  return new Function('parts', code)(parts) as Writer;
}

/** Code that appends the value in the variable `name`. */
function writeValue(name: string, shape: ValueShape, parts: unknown[]): string {
  const present = writePresent(name, shape, parts);
  if (shape.isRequired) return `if (${name} === null || ${name} === undefined) throw giveUp; ${present}`;
  return `if (${name} === null || ${name} === undefined) text += 'null'; else { ${present} }`;
}

function writePresent(name: string, shape: ValueShape, parts: unknown[]): string {
  if (shape.kind === 'leaf') return writeLeaf(name, shape.type, parts);
  if (shape.kind === 'object') return `text += part${parts.push(compileSelection(shape.selection)) - 1}(${name});`;
  const item = `${name}i`;
  return `
    if (!Array.isArray(${name})) throw giveUp;
    text += '[';
    for (let index = 0; index < ${name}.length; index++) {
      if (index > 0) text += ',';
      const ${item} = ${name}[index];
      ${writeValue(item, shape.item, parts)}
    }
    text += ']';`;
}

function writeLeaf(name: string, type: GraphQLLeafType, parts: unknown[]): string {
  if (isEnumType(type)) {
    const texts = new Map(type.getValues().map((value) => [value.name, JSON.stringify(value.name)]));
    const part = `part${parts.push(texts) - 1}`;
    return `{ const known = ${part}.get(${name}); if (known === undefined) throw giveUp; text += known; }`;
  }
  switch (type.name) {
    case 'String':
    case 'ID':
      return `if (typeof ${name} !== 'string') throw giveUp; text += quote(${name});`;
    case 'Int':
      return `if ((${name} | 0) !== ${name}) throw giveUp; text += ${name};`;
    case 'Float':
      return `if (typeof ${name} !== 'number' || ${name} - ${name} !== 0) throw giveUp; text += ${name};`;
    case 'Boolean':
      return `if (typeof ${name} !== 'boolean') throw giveUp; text += ${name};`;
    default:
      return `text += JSON.stringify(${name});`;
  }
}

/** Above this, the native function is faster than a look at each character. */
const maxScannedLength = 48;

/** A string as JSON. */
function quote(value: string): string {
  if (value.length > maxScannedLength) return JSON.stringify(value);
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code < 32 || code === 34 || code === 92 || (code >= 0xd800 && code <= 0xdfff)) return JSON.stringify(value);
  }
  return `"${value}"`;
}
