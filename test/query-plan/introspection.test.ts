import {
  buildSchema,
  type GraphQLObjectType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  graphqlSync,
  isObjectType,
  parse,
  validate,
} from 'graphql';
import { createConfig } from '../../src/config';
import type { ClientError } from '../../src/errors';
import { readDocument } from '../../src/operation/document';
import { checkVariables } from '../../src/operation/variables';
import { compileIntrospection, maxIntrospectedValues, writeIntrospection } from '../../src/query-plan/introspection';
import { SelectionReader } from '../../src/query-plan/selections';
import { finish, type SlicedWork, Slices } from '../../src/slices';

/** Plain data; graphql-js over the same schema says what is right. */
const schema = buildSchema(`
  "All of it." schema { query: Root mutation: Mutation }
  directive @mark(with: [Int!] = [1, 2], old: Int @deprecated) repeatable on FIELD | OBJECT
  "Says \\"hello\\", with\\u2028lines."
  type Root implements Node & Named {
    id: ID! name: String
    "Gone." old(a: Int = 3, b: In = { n: { x: "é" } }, c: [Colour!]! = [RED], gone: Int @deprecated): [[Int!]]! @deprecated(reason: "so")
    odd(json: JSON = { a: [1] }): Any
  }
  type Mutation { do(one: One!): Boolean! }
  interface Node { id: ID! }
  interface Named implements Node { id: ID! name: String }
  union Any = Root | Mutation
  enum Colour { RED "Green." GREEN @deprecated }
  input In { n: In x: String = "a" old: Float = 1.5 @deprecated }
  input One @oneOf { a: Int b: String }
  scalar JSON @specifiedBy(url: "https://example.com")`);

function work(of: GraphQLSchema, query: string, variables: Record<string, unknown>, maxValues: number) {
  const rootType = of.getQueryType() as GraphQLObjectType;
  const document = finish(
    readDocument(query, of, { limits: createConfig().limits, maxErrors: 9, introspection: true }),
  );
  if (document.kind === 'refused') throw document.errors[0];
  const [operation] = document.operations;
  if (!operation) throw new Error('no operation');
  const checked = checkVariables(of, operation, variables);
  if (checked.kind === 'refused') throw checked.errors[0];
  const conditions = operation.conditionVariables.map((name): [string, boolean] => [
    name,
    checked.coerced[name] === true,
  ]);
  const reader = new SelectionReader(of, operation.fragments, new Map(conditions));
  const compiled = compileIntrospection(operation, reader, rootType);
  return compiled && writeIntrospection(compiled, of, checked.coerced, maxValues);
}

/** The answer as graphql-js would print it. */
function answer(query: string, variables: Record<string, unknown> = {}): string {
  const written = work(schema, query, variables, 1_000_000);
  if (!written) return '{"data":{}}';
  const { texts, errors } = finish(written);
  const data = [...(texts ?? [])].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',');
  const told = errors.map(({ message, path }) => ({ message, path }));
  if (!texts) return `{"errors":${JSON.stringify(told)},"data":null}`;
  return errors.length > 0 ? `{"errors":${JSON.stringify(told)},"data":{${data}}}` : `{"data":{${data}}}`;
}

function right(source: string, variableValues: Record<string, unknown> = {}): string {
  const { data, errors } = graphqlSync({ schema, source, variableValues });
  const told = errors?.map(({ message, path }) => ({ message, path }));
  return JSON.stringify({ errors: told, data });
}

/** Any of the numbers below `count`, the same ones in each run. */
function createDice(seed: number): (count: number) => number {
  let state = seed;
  return (count) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

class Author {
  readonly fragments: string[] = [];
  constructor(private readonly dice: (count: number) => number) {}

  write(): string {
    const roots = ['__schema', '__type(name: "Root")', '__type(name: $name)', '__type(name: "None")'];
    const fields = Array.from({ length: 1 + this.dice(3) }, (_, index) => {
      const root = roots[this.dice(roots.length)] ?? '';
      return `r${index}: ${root}${this.condition()} ${this.set(root === '__schema' ? '__Schema' : '__Type', 4)}`;
    });
    const head = 'query ($name: String! = "In", $old: Boolean, $yes: Boolean = true, $no: Boolean! = false)';
    return `${head} { ${fields.join(' ')} } ${this.fragments.join(' ')}`;
  }

  private set(typeName: string, depth: number): string {
    const type = schema.getType(typeName) as GraphQLObjectType;
    const fields = Object.values(type.getFields());
    const selections = Array.from({ length: 1 + this.dice(5) }, () => {
      const choice = this.dice(12);
      if (choice === 0) return `__typename${this.condition()}`;
      if (choice === 1 && depth > 0) return `... ${this.condition()} ${this.set(typeName, depth - 1)}`;
      if (choice === 2 && depth > 0) return `... on ${typeName} ${this.set(typeName, depth - 1)}`;
      if (choice === 3 && depth > 0) {
        const name = `F${this.fragments.length}`;
        this.fragments.push('');
        this.fragments[Number(name.slice(1))] = `fragment ${name} on ${typeName} ${this.set(typeName, depth - 1)}`;
        return `...${name}${this.condition()} ...${name}`;
      }
      const field = fields[this.dice(fields.length)];
      const inner = field && getNamedType(field.type);
      if (!field || (isObjectType(inner) && depth === 0)) return '__typename';
      const which = field.args.length > 0 ? this.dice(4) : 0;
      const old = ['', '(includeDeprecated: true)', '(includeDeprecated: $old)', '(includeDeprecated: null)'][which];
      // A response name tells field and arguments, so that most documents have no conflicts.
      const proto = field.name === 'kind' ? '__proto__: ' : '';
      const alias = which > 0 ? `a${which}${field.name}: ` : proto;
      const below = isObjectType(inner) ? this.set(inner.name, depth - 1) : '';
      return `${alias}${field.name}${old}${this.condition()} ${below}`;
    });
    return `{ ${selections.join(' ')} }`;
  }

  private condition(): string {
    return [' @skip(if: $no)', ' @include(if: $yes)', ' @include(if: false)', ' @skip(if: true)'][this.dice(24)] ?? '';
  }
}

describe('introspection', () => {
  it('answers what tools ask as graphql-js does', () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    expect(answer(query)).toBe(right(query));
    // The default value of `odd` is one that no scalar can print.
    expect(answer(query)).toContain('{"errors":[{"message":"Cannot convert value to AST');
  });

  it('answers whatever is asked as graphql-js does', () => {
    const dice = createDice(7);
    let compared = 0;
    for (let index = 0; index < 250; index++) {
      const query = new Author(dice).write();
      if (validate(schema, parse(query)).some(({ message }) => !/never used|not used/.test(message))) continue;
      const used = query.replace(/\$(\w+)[^$)]*(?=[$)])/g, (text, name: string) =>
        query.split(`$${name}`).length > 2 ? text : '',
      );
      const source = used.replace('query ()', 'query');
      const variables = [{}, { old: true }, { name: 'Colour', old: null, yes: false, no: true }][index % 3] ?? {};
      expect([source, answer(source, variables)]).toEqual([source, right(source, variables)]);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(100);
  });
});

describe('what asks much of a schema', () => {
  const large = buildSchema(
    `type Query { ${Array.from({ length: 300 }, (_, i) => `t${i}: T${i}`).join(' ')} }
     ${Array.from({ length: 300 }, (_, i) => `"${'long '.repeat(50)}" type T${i} { a(x: [Int!]! = 1): [Int!]! b: T${(i + 1) % 300} q: Query }`).join('\n')}`,
  );
  const max = finish(maxIntrospectedValues(large));
  const run = (query: string) => finish(work(large, query, {}, max) as SlicedWork<unknown>);

  it('is answered as far as tools go', () => {
    run(getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, inputValueDeprecation: true }));
  });

  it.each([
    ['fields of fields', '{ __schema { types { fields { type { fields { name } } } } } }'],
    [
      'the same many times',
      `{ ${Array.from({ length: 190 }, (_, i) => `a${i}: __schema { types { fields { name } } }`).join(' ')} }`,
    ],
    [
      'long texts many times',
      '{ __schema { types { fields { type { description possibleTypes { name } fields { type { description } } } } } } }',
    ],
  ])('is refused beyond: %s', (_name, query) => {
    let refusal: unknown;
    try {
      run(query);
    } catch (error) {
      refusal = error;
    }
    expect((refusal as ClientError | undefined)?.code).toBe('MAX_SELECTIONS_LIMIT');
  });

  it('stops often on its way, for others', () => {
    const steps = work(large, getIntrospectionQuery(), {}, max);
    let stops = 0;
    while (steps && !steps.next().done) stops += 1;
    expect(stops).toBeGreaterThan(50);
  });
});

describe('sliced work', () => {
  it('runs one slice in a turn of the event loop, whoever it is for', async () => {
    let time = 0;
    const slices = new Slices(() => time);
    const log: string[] = [];
    function* worker(name: string): SlicedWork<string> {
      for (let step = 0; step < 4; step++) {
        log.push(`${name}${step}`);
        time += 3;
        yield;
      }
      return name;
    }
    const turns = setImmediateForever(() => log.push('|'));
    const results = await Promise.all([slices.run(worker('a')), slices.run(worker('b'))]);
    turns.stop();
    expect(results).toEqual(['a', 'b']);
    expect(
      log
        .join('')
        .replace(/\|+/g, '|')
        .replace(/^\||\|$/g, ''),
    ).toBe('a0a1|b0b1|a2a3|b2b3');
  });

  it('rejects with what the work throws, and goes on with the others', async () => {
    const slices = new Slices();
    // biome-ignore lint/correctness/useYield: it fails at once
    function* failing(): SlicedWork<void> {
      throw new Error('no');
    }
    // biome-ignore lint/correctness/useYield: it ends at once
    function* good(): SlicedWork<number> {
      return 1;
    }
    const outcomes = await Promise.allSettled([slices.run(failing()), slices.run(good())]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});

function setImmediateForever(each: () => void): { stop(): void } {
  let isOver = false;
  const next = () => {
    each();
    if (!isOver) setImmediate(next);
  };
  setImmediate(next);
  return {
    stop: () => {
      isOver = true;
    },
  };
}
