import { buildSchema, parse } from 'graphql';
import { createConfig } from '../../src/config';
import { findOperations, type Operation } from '../../src/operation/document';
import { OperationFacts } from '../../src/operation/facts';
import { createPolicies, openCounters } from '../../src/policy/create-policies';
import { Slices } from '../../src/slices';

/** Real: facts and costs of an operation, and the turns of the event loop. Fake: a clock on which each look takes 1 ms. */
const sdl = `schema @link(url: "https://specs.apollo.dev/link/v1.0") { query: Query }
  directive @link(url: String!, import: [String]) repeatable on SCHEMA
  type Query { me: User } type User { id: ID name: String friend: User }`;

function createReadAhead() {
  const config = createConfig({ cost: { mode: 'measure' } });
  const apiSchema = buildSchema(sdl);
  let now = 0;
  const slices = new Slices(() => now++);
  const subject = { supergraph: parse(sdl), apiSchema, facts: new OperationFacts(apiSchema), slices };
  const policies = createPolicies(config, {}, openCounters(config, {}, undefined))(subject);
  return (operation: Operation) => policies?.readAhead?.(operation);
}

function operationOf(text: string): Operation {
  const [operation] = findOperations(parse(text));
  if (!operation) throw new Error('no operation');
  return operation;
}

const longOperation = (fields: number) =>
  operationOf(`{ ${Array.from({ length: fields }, (_, index) => `a${index}: me { friend { id name } }`).join(' ')} }`);

describe('what policies must know of an operation', () => {
  it('is read in many turns of the event loop where the operation is long', async () => {
    const readAhead = createReadAhead();
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await readAhead(longOperation(100));
    isOver = true;
    expect(turns).toBeGreaterThan(20);
  });

  it('is read once for all who wait for it, and never again', async () => {
    const readAhead = createReadAhead();
    const operation = longOperation(100);
    const first = readAhead(operation);
    expect(first).toBeInstanceOf(Promise);
    expect(readAhead(operation)).toBe(first);
    await first;
    expect(readAhead(operation)).toBeUndefined();
  });

  it('is read at once where the operation is short', () => {
    const apiSchema = buildSchema(sdl);
    const facts = new OperationFacts(apiSchema);
    const work = facts.read(operationOf('{ me { id } }'));
    function* discard() {
      yield* work;
    }
    expect(new Slices(() => 0).begin(discard())).toBeUndefined();
  });
});
