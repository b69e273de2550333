/**
 * Conformance fuzzer: `@apollo/gateway` in a process of its own. Its planner has no limit of time or memory, and some
 * operations take it down: then the process is replaced and the operation counts as not planned.
 * Both sides are here: the forked process runs `serve`, everybody else calls `StockProcess`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { ApolloGateway } from '@apollo/gateway';
import { parse } from 'graphql';
import type { Answer, AnswerError } from './compare';

type Request =
  | { readonly id: number; readonly kind: 'start'; readonly sdl: string }
  | {
      readonly id: number;
      readonly kind: 'execute';
      readonly query: string;
      readonly variables: Record<string, unknown>;
      readonly operationName: string | undefined;
    };

type WithoutId<T> = T extends Request ? Omit<T, 'id'> : never;

interface Response {
  readonly id: number;
  readonly answer: Answer;
}

/** What the harness reads as "the planner gave up". */
export const gaveUp: Answer = { errors: [{ message: 'no plan', extensions: { code: 'QUERY_PLAN_TIMEOUT' } }] };

/** One gateway at a time. */
export class StockProcess {
  private child: ChildProcess | undefined;
  private sdl = '';
  private lastId = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  constructor(private readonly timeoutMs: number) {}

  async start(sdl: string): Promise<void> {
    this.sdl = sdl;
    const { errors } = await this.ask({ kind: 'start', sdl }, 60_000);
    if (errors) throw new Error(errors[0]?.message);
  }

  async execute(query: string, variables: Record<string, unknown>, operationName?: string): Promise<Answer> {
    if (!this.child) await this.start(this.sdl);
    return this.ask({ kind: 'execute', query, variables, operationName }, this.timeoutMs);
  }

  close(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }

  private ask(request: WithoutId<Request>, timeoutMs: number): Promise<Answer> {
    const child = this.child ?? this.launch();
    const id = ++this.lastId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      this.waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      child.send({ ...request, id });
    });
  }

  private launch(): ChildProcess {
    const child = fork(__filename, ['serve'], {
      execArgv: ['--import', 'tsx', '--max-old-space-size=1200'],
      env: { ...process.env, APOLLO_TELEMETRY_DISABLED: 'true' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    child.on('message', ({ id, answer }: Response) => {
      this.waiting.get(id)?.(answer);
      this.waiting.delete(id);
    });
    child.on('exit', () => {
      if (this.child === child) this.child = undefined;
      for (const resolve of this.waiting.values()) resolve(gaveUp);
      this.waiting.clear();
    });
    this.child = child;
    return child;
  }
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function serve(): void {
  let gateway: ApolloGateway | undefined;
  process.on('message', (request: Request) => {
    const work = async (): Promise<Answer> => {
      if (request.kind === 'execute') return execute(gateway!, request);
      await gateway?.stop();
      const stock = await import('@apollo/gateway');
      gateway = new stock.ApolloGateway({ supergraphSdl: request.sdl, logger: quiet });
      await gateway.load();
      return {};
    };
    work().then(
      (answer) => process.send?.({ id: request.id, answer }),
      (error: unknown) => {
        const message = `thrown: ${error instanceof Error ? error.message : String(error)}`;
        process.send?.({ id: request.id, answer: { errors: [{ message }] } });
      },
    );
  });
}

async function execute(gateway: ApolloGateway, asked: Extract<Request, { kind: 'execute' }>): Promise<Answer> {
  const { query, variables, operationName } = asked;
  const document = parse(query);
  const operations = document.definitions.filter((definition) => definition.kind === 'OperationDefinition');
  const operation = operations.find(({ name }) => operations.length === 1 || name?.value === operationName);
  const context = {
    request: { query, variables, ...(operationName ? { operationName } : {}) },
    document,
    operation,
    operationName: operationName ?? null,
    queryHash: `${operationName ?? ''}:${query}`,
    source: query,
    context: {},
    cache: undefined,
    logger: quiet,
    metrics: {},
    overallCachePolicy: {},
  };
  const { data, errors, extensions } = await gateway.executor(
    context as unknown as Parameters<typeof gateway.executor>[0],
  );
  // Nulls that it had to make are told there, not among the errors.
  const completion = (extensions?.valueCompletion ?? []) as readonly AnswerError[];
  const all = [...(errors ?? []), ...completion].map(({ message, path }) => ({ message, path }));
  return { data: JSON.parse(JSON.stringify(data ?? null)) as unknown, errors: all };
}

if (process.argv[2] === 'serve' && process.send) serve();
