/**
 * How `serve.ts` reads its arguments, ends, and greets. No processes: signals and exits are events of a stand-in.
 */
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { buildSchema, parse, validate } from 'graphql';
import { silentLog } from '../../src/telemetry/log';
import { createLifecycle } from '../../subgraphs/shared/lifecycle';
import { readServeArguments } from '../../subgraphs/shared/serve-options';
import { EXAMPLE_LOGIN, EXAMPLE_QUERY, welcome } from '../../subgraphs/shared/welcome';

describe('the arguments', () => {
  const read = (words: string[], env: NodeJS.ProcessEnv = {}) => readServeArguments(words, env);
  const options = (words: string[], env: NodeJS.ProcessEnv = {}) => {
    const result = read(words, env);
    if (result.kind !== 'serve') throw new Error(`${result.kind}`);
    return result.options;
  };

  it('are all three subgraphs without any', () => {
    expect(options([])).toMatchObject({
      subgraphs: [
        { name: 'users', port: 4001 },
        { name: 'payments', port: 4002 },
        { name: 'content', port: 4003 },
      ],
      databaseUrl: undefined,
      gateway: undefined,
    });
  });

  it('choose subgraphs, ports and the gateway', () => {
    const { subgraphs, gateway } = options(['content', 'users', '--gateway', '--port', '0'], { PORT_USERS: '5001' });
    expect(subgraphs.map(({ name, port }) => [name, port])).toEqual([
      ['users', 5001],
      ['content', 4003],
    ]);
    expect(gateway).toEqual({ port: 0 });
  });

  it('are refused with every problem at once', () => {
    const env = { PORT_USERS: '99999', SUPERGATE_IDENTITY_SECRET: 'short', DATABASE_URL: 'mysql://x' };
    expect(read(['user', '--port', '1'], env)).toEqual({
      kind: 'problems',
      problems: [
        expect.stringMatching(/^user: there is no such subgraph/),
        expect.stringMatching(/--port .* add --gateway/),
        expect.stringMatching(/^PORT_USERS must be a port/),
        expect.stringMatching(/^SUPERGATE_IDENTITY_SECRET must be at least 32 bytes/),
        expect.stringMatching(/^DATABASE_URL must be like/),
      ],
    });
  });

  it('are refused when unknown, and helped with', () => {
    expect(read(['--gatway'])).toEqual({ kind: 'problems', problems: [expect.stringContaining('--gatway')] });
    expect(read(['--help'])).toEqual({ kind: 'help', text: expect.stringContaining('DATABASE_URL') });
  });
});

describe('the end', () => {
  function setUp() {
    const events: string[] = [];
    const stand = Object.assign(new EventEmitter(), { exit: (code: number) => void events.push(`exit ${code}`) });
    let time = 0;
    const lifecycle = createLifecycle({
      log: silentLog,
      process: stand as unknown as NodeJS.Process,
      drainMs: 60_000,
      now: () => time,
    });
    let finishDrain = () => {};
    const drained = new Promise<void>((resolve) => {
      finishDrain = resolve;
    });
    const close = (name: string, until?: Promise<void>) => async () => {
      events.push(`close ${name}`);
      await until;
    };
    lifecycle.onEnd('postgres', close('postgres'), true);
    lifecycle.onEnd('subgraphs', close('subgraphs', drained));
    const signal = async (name: string, at: number) => {
      time = at;
      stand.emit(name);
      await settle();
    };
    return { events, lifecycle, signal, finishDrain, stand };
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it('closes in reverse order, each after the other, and exits with 0 on a signal', async () => {
    const { events, signal, finishDrain } = setUp();
    await signal('SIGTERM', 0);
    expect(events).toEqual(['close subgraphs']);
    finishDrain();
    await settle();
    expect(events).toEqual(['close subgraphs', 'close postgres', 'exit 0']);
  });

  it('takes the echo of a signal, which npm and tsx pass on, for the same signal', async () => {
    const { events, signal } = setUp();
    await signal('SIGINT', 0);
    await signal('SIGINT', 10);
    await signal('SIGTERM', 200);
    expect(events).toEqual(['close subgraphs']);
  });

  it('stops waiting for requests on a second signal, but still closes Postgres', async () => {
    const { events, signal } = setUp();
    await signal('SIGINT', 0);
    await signal('SIGINT', 1_000);
    expect(events).toEqual(['close subgraphs', 'close postgres', 'exit 130']);
  });

  it('closes the rest when something does not close', async () => {
    const { events, lifecycle, signal, finishDrain } = setUp();
    lifecycle.onEnd('gateway', () => Promise.reject(new Error('no')));
    finishDrain();
    await signal('SIGTERM', 0);
    expect(events).toEqual(['close subgraphs', 'close postgres', 'exit 0']);
  });

  it('exits with 1 after an exception that nobody caught', async () => {
    const { events, stand, finishDrain } = setUp();
    finishDrain();
    stand.emit('uncaughtException', new Error('a bug'));
    await settle();
    expect(events).toEqual(['close subgraphs', 'close postgres', 'exit 1']);
  });
});

describe('the welcome', () => {
  it('shows places and commands to paste', () => {
    const text = welcome({
      gatewayUrl: 'http://127.0.0.1:4000',
      subgraphs: [{ name: 'users', url: 'http://127.0.0.1:4001' }],
      database: 'postgres://h/',
    });
    expect(text).toContain('http://127.0.0.1:4000/graphiql');
    expect(text).toContain('http://127.0.0.1:4001/graphql');
    expect(text).toContain('TOKEN=$(curl');
  });

  it('asks for fields that the supergraph has, in all three subgraphs', () => {
    const services = ['users', 'payments', 'content'].map((name) => ({
      name,
      typeDefs: parse(readFileSync(join(__dirname, '../../subgraphs', name, 'schema.graphql'), 'utf8')),
    }));
    const { supergraphSdl = '', errors } = composeServices(services);
    expect(errors).toBeUndefined();
    const schema = buildSchema(supergraphSdl);
    expect(validate(schema, parse(EXAMPLE_LOGIN))).toEqual([]);
    expect(validate(schema, parse(EXAMPLE_QUERY))).toEqual([]);
  });
});
