import { parse } from 'graphql';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type Identity, type RequestContext } from '../../src/context/request-context';
import { findOperations, type Operation } from '../../src/operation/document';
import type { CheckedVariables } from '../../src/operation/variables';
import type { Exclusions } from '../../src/policy/admission';
import { SharedExecutions } from '../../src/query-plan/shared-executions';
import { silentLog } from '../../src/telemetry/log';

/** Fake: executions, which end when the test says so. Observed: how many began, and who gets which result. */
function setup() {
  const shared = new SharedExecutions<string>(new Set(['x-request-id']));
  const [operation, other] = findOperations(parse('query A { a } query B { b }')) as [Operation, Operation];
  const ends: ((result: string) => void)[] = [];
  const fails: ((reason: Error) => void)[] = [];
  const ask = (
    context: RequestContext,
    variables: Record<string, unknown> = {},
    target = operation,
    exclusions: Exclusions | undefined = undefined,
  ) =>
    shared.share(target, checked(variables), context, exclusions, () => {
      return new Promise<string>((resolve, reject) => {
        ends.push(resolve);
        fails.push(reject);
      });
    });
  return { shared, other, ends, fails, ask };
}

function checked(raw: Record<string, unknown>): CheckedVariables {
  return { kind: 'checked', raw, coerced: raw, conditions: '' };
}

function open(id: string, identity: Identity = anonymous, headers: Record<string, string> = {}) {
  const { deadline, clientLeft, dispose } = openDeadline(Date.now() + 60_000, Date.now);
  const subgraphHeaders = { 'x-request-id': id, ...headers };
  const context: RequestContext = {
    id,
    identity,
    deadline,
    log: silentLog,
    subgraphHeaders,
    calls: { count: 0, failed: 0 },
  };
  return { context, clientLeft, dispose };
}

const ada: Identity = {
  kind: 'authenticated',
  credential: { kind: 'token' },
  tier: undefined,
  subject: 'ada',
  issuer: 'i',
  roles: [],
  scopes: [],
  expiresAt: 0,
  claims: {},
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('identical queries under way', () => {
  it('share one execution and its result', async () => {
    const { ask, ends } = setup();
    const answers = [
      ask(open('1').context, { a: 1 }),
      ask(open('2').context, { a: 1 }),
      ask(open('3').context, { a: 1 }),
    ];
    expect(ends).toHaveLength(1);
    ends[0]?.('x');
    expect(await Promise.all(answers)).toEqual(['x', 'x', 'x']);
  });

  it('share a failure too', async () => {
    const { ask, fails } = setup();
    const answers = [ask(open('1').context), ask(open('2').context)];
    fails[0]?.(new Error('defect'));
    expect((await Promise.allSettled(answers)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('are executed again once they have ended', async () => {
    const { ask, ends } = setup();
    const first = ask(open('1').context);
    ends[0]?.('x');
    await first;
    void ask(open('2').context);
    expect(ends).toHaveLength(2);
  });

  it.each([
    ['other variables', open('2').context, { a: 2 }],
    ['another identity', open('2', ada).context, { a: 1 }],
    ['other headers for subgraphs', open('2', anonymous, { tenant: 'b' }).context, { a: 1 }],
  ])('are not those with %s', (_name, context, variables) => {
    const { ask, ends } = setup();
    void ask(open('1').context, { a: 1 });
    void ask(context, variables);
    expect(ends).toHaveLength(2);
  });

  it('are not those of another operation', () => {
    const { ask, ends, other } = setup();
    void ask(open('1').context);
    void ask(open('2').context, {}, other);
    expect(ends).toHaveLength(2);
  });

  it('are not those of another verdict', () => {
    const { ask, ends } = setup();
    const exclusions = (): Exclusions => ({ fields: { key: 'x', reasonOf: () => 0 }, reasons: [] });
    const one = exclusions();
    void ask(open('1').context);
    void ask(open('2').context, {}, undefined, one);
    void ask(open('3').context, {}, undefined, exclusions());
    void ask(open('4').context, {}, undefined, one);
    expect(ends).toHaveLength(3);
  });

  it('are not those that began before a mutation ended', async () => {
    const { shared, ask, ends } = setup();
    const before = ask(open('1').context);
    shared.mutationEnded();
    const after = [ask(open('2').context), ask(open('3').context)];
    expect(ends).toHaveLength(2);
    ends[1]?.('new');
    ends[0]?.('old');
    expect([await before, ...(await Promise.all(after))]).toEqual(['old', 'new', 'new']);
  });

  it('are executed again for those who stay when whoever began leaves', async () => {
    const { ask, ends } = setup();
    const first = open('1');
    const [leaving, staying, alsoStaying] = [ask(first.context), ask(open('2').context), ask(open('3').context)];
    first.clientLeft();
    ends[0]?.('aborted');
    expect(await leaving).toBe('aborted');
    await turn();
    expect(ends).toHaveLength(2);
    ends[1]?.('x');
    expect(await Promise.all([staying, alsoStaying])).toEqual(['x', 'x']);
  });
});
