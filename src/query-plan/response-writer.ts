/**
 * The response shape -> generated functions that write the JSON text of a response in one pass, without an object
 * in between. They know the clean case only: on whatever is unusual (a null that may not be, a value of another type)
 * they give up, and completion answers instead. So they decide nothing, and where code may not be generated
 * (`--disallow-code-generation-from-strings`) nothing is lost but speed. Clock: per document; for the objects of an
 * abstract type, by type on first use.
 */
import { isObjectType } from 'graphql';
import { finish, type SlicedWork } from '../slices';
import { type DataObject, escapeText, type GatheredData } from './data';
import { concatenation, type LeafCode, leafCode } from './leaf-code';
import type { FieldShape, SelectionShape, ValueShape } from './response-shape';

/** The text of a response object, or `undefined` when the data is not clean. */
export type WriteObject = (data: GatheredData) => string | undefined;

/** Thrown by generated code that gives up; caught here. */
const giveUp = new Error('the data is not clean');

type Writer = (value: unknown, writing: Writing) => string;

/** Compiles a shape. `undefined` when it needs more than the data (introspection), or code may not be generated. */
export function* compileResponseWriter(shape: SelectionShape): SlicedWork<WriteObject | undefined> {
  if (!canGenerateCode()) return undefined;
  const fields = shape.fieldsOf(undefined) ?? [];
  if (fields.some(({ kind }) => kind === 'introspection')) return undefined;
  const write = yield* compileSelection(shape);
  return ({ root, isPlain, shared }) => {
    try {
      return write(root, new Writing(isPlain, shared));
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

/** One response while it is written. What stands in several places is written once for each selection. */
class Writing {
  readonly hasShared: boolean;
  private readonly texts = new Map<unknown, Map<Writer, string>>();

  constructor(
    /** Whether strings are written as they are. */
    readonly isPlain: boolean,
    private readonly shared: ReadonlySet<unknown>,
  ) {
    this.hasShared = shared.size > 0;
  }

  once(write: Writer, value: unknown): string {
    if (!this.shared.has(value)) return write(value, this);
    let texts = this.texts.get(value);
    if (!texts) {
      texts = new Map();
      this.texts.set(value, texts);
    }
    let text = texts.get(write);
    if (text === undefined) {
      text = write(value, this);
      // Reading a character puts the text in one piece, so that no later use has to gather its pieces again.
      if (text.charCodeAt(0) === 0) throw giveUp;
      texts.set(write, text);
    }
    return text;
  }
}

/** Writes a value of a composite type: `null` and lists are the caller's. */
function* compileSelection(shape: SelectionShape): SlicedWork<Writer> {
  yield;
  if (isObjectType(shape.type)) {
    return yield* compileObject(shape.typeNameOf(undefined), shape.fieldsOf(undefined) ?? []);
  }
  // Of many types few appear.
  const byTypeName = new Map<unknown, Writer>();
  return (value, writing) => {
    const typeName = isObject(value) ? value.__typename : undefined;
    let write = byTypeName.get(typeName);
    if (!write) {
      const fields = shape.fieldsOf(typeName);
      if (!fields || typeof typeName !== 'string') throw giveUp;
      write = finish(compileObject(typeName, fields));
      byTypeName.set(typeName, write);
    }
    return write(value, writing);
  };
}

function isObject(value: unknown): value is DataObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function compileObject(typeName: string, fields: readonly FieldShape[]): SlicedWork<Writer> {
  return new ObjectCode(typeName, fields).compile();
}

/**
 * The code of one object type's writer. Everything that comes from a document or schema enters it as a JSON string
 * literal, or from outside through `parts`. Neighbouring leaves are written by one expression when all of them are
 * there and of their types, else one by one.
 */
class ObjectCode {
  private readonly parts: unknown[] = [giveUp, escapeText];
  private readonly helpers: string[] = [];
  private readonly lines: string[] = [];
  /** Text that is known and still to be written. */
  private literal = '{';
  private leaves: Leaf[] = [];
  /** What is below, by the index of its writer among the parts. */
  private readonly inner = new Map<number, SelectionShape>();

  constructor(
    private readonly typeName: string,
    private readonly fields: readonly FieldShape[],
  ) {}

  *compile(): SlicedWork<Writer> {
    for (const [index, field] of this.fields.entries()) this.addField(field, index);
    this.literal += '}';
    this.writeLeaves();
    for (const [part, selection] of this.inner) this.parts[part] = yield* compileSelection(selection);
    yield;
    const code = `
      const [giveUp, escapeText] = parts;
      ${this.helpers.join('\n')}
      return (object, writing) => {
        if (typeof object !== 'object' || object === null || Array.isArray(object)) throw giveUp;
        let text = '';
        const { isPlain } = writing;
        ${this.lines.join('\n')}
        return text;
      };`;
    return new Function('parts', code)(this.parts) as Writer;
  }

  private addField(field: FieldShape, index: number): void {
    const name = `${index === 0 ? '' : ','}${JSON.stringify(field.responseName)}:`;
    if (field.kind === 'excluded') {
      this.lines.push('throw giveUp;');
      return;
    }
    if (field.kind !== 'field') {
      this.literal += name + JSON.stringify(this.typeName);
      return;
    }
    const variable = `v${index}`;
    const key = JSON.stringify(field.travellingName);
    const line = `const ${variable} = object[${key}];`;
    this.literal += name;
    const shape = field.value;
    if (shape.kind === 'leaf') {
      const code = leafCode(shape.type, variable, this.parts);
      this.leaves.push({ ...code, variable, line, isRequired: shape.isRequired, before: this.literal });
      this.literal = '';
      if (this.leaves.length === maxLeavesAtOnce) this.writeLeaves();
      return;
    }
    this.writeLeaves();
    this.lines.push(line, this.valueCode(variable, shape));
  }

  /** Writes the leaves that wait, and the text around them. */
  private writeLeaves(): void {
    const { leaves, literal } = this;
    this.leaves = [];
    this.literal = '';
    const after = literal === '' ? '' : `text += ${JSON.stringify(literal)};`;
    if (leaves.length === 0) {
      this.lines.push(after);
      return;
    }
    const expected = leaves.map(({ check }) => `(${check})`).join(' && ');
    const whole = concatenation([
      ...leaves.flatMap(({ before, text }) => [{ text: before }, ...text]),
      { text: literal },
    ]);
    const each = leaves.map(({ variable, check, text, isRequired, before }) => {
      const write = `if (${check}) text += ${concatenation(text)}; else throw giveUp;`;
      const absent = isRequired ? '' : `if (${variable} === null || ${variable} === undefined) text += 'null'; else `;
      return `text += ${JSON.stringify(before)}; ${absent}${write}`;
    });
    this.lines.push(
      ...leaves.map(({ line }) => line),
      `if (${expected}) text = text + ${whole}; else { ${each.join('\n')} ${after} }`,
    );
  }

  /** Code that appends the value of a variable. */
  private valueCode(variable: string, shape: ValueShape): string {
    const absent = `${variable} === null || ${variable} === undefined`;
    const present = this.presentCode(variable, shape);
    if (shape.isRequired) return `if (${absent}) throw giveUp; ${present}`;
    return `if (${absent}) text += 'null'; else { ${present} }`;
  }

  private presentCode(variable: string, shape: ValueShape): string {
    if (shape.kind === 'leaf') {
      const { check, text } = leafCode(shape.type, variable, this.parts);
      return `if (${check}) text += ${concatenation(text)}; else throw giveUp;`;
    }
    const writer = shape.kind === 'list' ? this.listWriter(shape.item) : this.objectWriter(shape.selection);
    return `text += writing.hasShared ? writing.once(${writer}, ${variable}) : ${writer}(${variable}, writing);`;
  }

  /** A function of the code that writes a list. */
  private listWriter(item: ValueShape): string {
    const itemCode = this.valueCode('item', item);
    const name = `list${this.helpers.length}`;
    this.helpers.push(`
      const ${name} = (list, writing) => {
        if (!Array.isArray(list)) throw giveUp;
        let text = '[';
        const { isPlain } = writing;
        for (let index = 0; index < list.length; index++) {
          if (index > 0) text += ',';
          const item = list[index];
          ${itemCode}
        }
        return text + ']';
      };`);
    return name;
  }

  /** The name of the function that writes an object. */
  private objectWriter(selection: SelectionShape): string {
    const part = this.parts.push(undefined) - 1;
    this.inner.set(part, selection);
    this.helpers.push(`const write${part} = parts[${part}];`);
    return `write${part}`;
  }
}

/** A value that is missing costs a look at each of its neighbours. */
const maxLeavesAtOnce = 16;

interface Leaf extends LeafCode {
  readonly variable: string;
  /** Declares the variable. */
  readonly line: string;
  readonly isRequired: boolean;
  /** The text before it. */
  readonly before: string;
}
