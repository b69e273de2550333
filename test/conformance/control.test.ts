/**
 * The control of the conformance fuzzer: a harness that finds nothing is worth something only if it finds what is there.
 * Real: generated graphs, composition, operations, the comparison. Fake: the gateway, which answers from the reference
 * and corrupts its answers in one way per test. Observed: that every corrupted answer is a mismatch, and no other.
 */
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type Case, isMutation } from './case';
import type { Answer, AnswerError } from './compare';
import type { RunningGateway } from './gateways';
import { generateCase } from './generate-operation';
import { buildGraph, type Graph } from './graph';
import { Random } from './random';
import { runCase } from './run';

/** Changes an answer, or returns `undefined` when there is nothing in it to change so. */
type Corruption = (answer: Answer) => Answer | undefined;

interface Drawn {
  readonly graph: Graph;
  readonly drawn: Case;
  /** The reference's answer as a client reads it. */
  readonly right: string;
}

let server: SubgraphServer;
let cases: Drawn[];

beforeAll(async () => {
  server = await createSubgraphServer();
  cases = [];
  for (let index = 0, graphs = 0; graphs < 5; index++) {
    const graph = buildGraph(`control/${index}`, server, { nulls: graphs > 1, errors: graphs > 2 });
    if ('dropped' in graph) continue;
    graphs++;
    cases.push(...(await drawCases(graph)));
  }
}, 60_000);

afterAll(() => server.close());

async function drawCases(graph: Graph): Promise<Drawn[]> {
  const drawn = Array.from({ length: 30 }, (_, operation) => operation).flatMap((operation) => {
    const one = generateCase(graph.reference.schema, new Random(`${graph.seed}/${operation}`));
    return one && !isMutation(one) ? [one] : [];
  });
  const answers = drawn.map(async (one) => {
    const right = await graph.reference.execute(one.document, one.variables, one.operationName);
    return { graph, drawn: one, right: JSON.stringify(right) };
  });
  return Promise.all(answers);
}

/** Runs queries on a gateway that answers from the reference, each answer changed. */
async function runCorrupted(corrupt: Corruption): Promise<{ corrupted: number; noticed: number; falseAlarms: number }> {
  const counts = { corrupted: 0, noticed: 0, falseAlarms: 0 };
  for (const { graph, drawn, right } of cases) {
    const wrong = corrupt(JSON.parse(right) as Answer);
    const answer = wrong ?? (JSON.parse(right) as Answer);
    const gateway: RunningGateway = { execute: async () => answer, stop: async () => {} };
    const mismatch = await runCase({ graph, gateway, server }, drawn, '');
    if (wrong) counts.corrupted++;
    if (wrong && mismatch) counts.noticed++;
    if (!wrong && mismatch) counts.falseAlarms++;
  }
  return counts;
}

type Json = Record<string, unknown>;

/** Applies a change to the first object or list where it can be made, outermost first. */
function changeFirst(answer: Answer, change: (value: unknown) => boolean): Answer | undefined {
  const queue: unknown[] = [answer.data];
  for (let value = queue.shift(); value !== undefined; value = queue.shift()) {
    if (change(value)) return answer;
    if (typeof value === 'object' && value !== null)
      queue.push(...Object.values(value).filter((part) => part !== null));
  }
  return undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Changes the deepest leaf: what the last hop of a plan brings. */
function changeLeaf(answer: Answer, change: (leaf: unknown) => unknown): Answer | undefined {
  let target: { holder: Json; key: string } | undefined;
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, part] of Object.entries(value)) {
      if (typeof part === 'object' && part !== null) visit(part);
      else target = { holder: value as Json, key };
    }
  };
  visit(answer.data);
  if (!target) return undefined;
  const before = target.holder[target.key];
  target.holder[target.key] = change(before);
  return target.holder[target.key] === before ? undefined : answer;
}

const corruptions: Record<string, Corruption> = {
  'another leaf value': (answer) => changeLeaf(answer, (leaf) => (typeof leaf === 'number' ? leaf + 1 : `${leaf}!`)),
  'null for a leaf': (answer) => changeLeaf(answer, () => null),
  'a number as a text': (answer) => changeLeaf(answer, (leaf) => (typeof leaf === 'number' ? String(leaf) : leaf)),
  'a dropped field': (answer) =>
    changeFirst(answer, (value) => {
      const key = isObject(value) ? Object.keys(value).at(-1) : undefined;
      if (key === undefined) return false;
      delete (value as Json)[key];
      return true;
    }),
  'an added field': (answer) =>
    changeFirst(answer, (value) => {
      if (!isObject(value)) return false;
      value.__typename__added = 'User';
      return true;
    }),
  'another order of fields': (answer) =>
    changeFirst(answer, (value) => {
      const entries = isObject(value) ? Object.entries(value) : [];
      if (entries.length < 2) return false;
      for (const [key] of entries) delete (value as Json)[key];
      for (const [key, part] of entries.reverse()) Object.defineProperty(value, key, { value: part, enumerable: true });
      return true;
    }),
  'a shorter list': (answer) =>
    changeFirst(answer, (value) => Array.isArray(value) && value.length > 0 && value.pop() !== undefined),
  'another order of items': (answer) =>
    changeFirst(answer, (value) => {
      if (!Array.isArray(value) || JSON.stringify(value) === JSON.stringify([...value].reverse())) return false;
      value.reverse();
      return true;
    }),
  'null for an object': (answer) =>
    changeFirst(answer, (value) => {
      const found = isObject(value) ? Object.entries(value).find(([, part]) => isObject(part)) : undefined;
      if (!found) return false;
      (value as Json)[found[0]] = null;
      return true;
    }),
  'no data': (answer) => (answer.data ? { ...answer, data: null } : undefined),
  'an error that is not there': (answer) =>
    (answer.errors ?? []).length === 0 ? { ...answer, errors: [{ message: 'wrong', path: ['a'] }] } : undefined,
  'an error not told': changeErrors(() => []),
  'an error told twice': changeErrors((errors) => [...errors, errors[0]!]),
  'an error without path': changeErrors(([first, ...others]) => [{ message: first!.message }, ...others]),
  'an error at another path': changeErrors(([first, ...others]) => [
    { ...first!, path: [...(first!.path ?? []), 'elsewhere'] },
    ...others,
  ]),
};

function changeErrors(change: (errors: AnswerError[]) => AnswerError[]): Corruption {
  return (answer) => {
    // An answer without `data` is a refusal: of those only that it is one is compared.
    if (answer.data === undefined || (answer.errors ?? []).length === 0) return undefined;
    return { ...answer, errors: change([...answer.errors!]) };
  };
}

describe('the control of the fuzzer', () => {
  it('finds nothing wrong with right answers', async () => {
    expect(await runCorrupted(() => undefined)).toEqual({ corrupted: 0, noticed: 0, falseAlarms: 0 });
  }, 30_000);

  it.each(Object.entries(corruptions))(
    'notices %s every time',
    async (_name, corrupt) => {
      const { corrupted, noticed, falseAlarms } = await runCorrupted(corrupt);
      expect(corrupted).toBeGreaterThan(3);
      expect(noticed).toBe(corrupted);
      expect(falseAlarms).toBe(0);
    },
    30_000,
  );
});
