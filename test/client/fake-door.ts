/**
 * A door over one graphql-js schema, executed in the process: real parsing, validation and execution,
 * and nothing of the engine. Both lanes reach the same `execute`.
 */
import type { GatewayExecutor, GatewayInterface } from '@apollo/server-gateway-interface';
import {
  buildSchema,
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  getOperationAST,
  parse,
  validate,
} from 'graphql';
import type {
  GraphQLDoor,
  IncomingRequest,
  LaterAnswer,
  OperationType,
  PreparedOperation,
  RefusedOperation,
  RequestScope,
  Rights,
  SocketContexts,
  StopReason,
  SubscriptionSink,
} from '../../src/client/door';
import { ClientError, InternalError, SubgraphError } from '../../src/errors';
import { silentLog } from '../../src/telemetry/log';

const typeDefs = /* GraphQL */ `
  directive @defer(label: String, if: Boolean! = true) on FRAGMENT_SPREAD | INLINE_FRAGMENT
  type Query {
    hello(name: String = "world"): String!
    echo(text: String): String
    "Waits until the test opens the gate, or the client leaves."
    gated: String
    sum(numbers: [Int!]!): Int
    broken: String
    unreachable: String
    partial: [String]
    large(bytes: Int!): String
    reached: Int!
  }
  type Mutation {
    increment(by: Int): Int!
    "Waits until the test opens the gate."
    incrementGated: Int!
    fail: Int
  }
  type Subscription {
    ticks: Int!
  }
`;

const secret = 'postgres://root:hunter2@db.internal:5432';

export interface FakeDoor extends GraphQLDoor {
  /** How many documents were prepared, and how many operations were executed. */
  readonly counts: { prepared: number; executed: number; incremented: number; disposed: number };
  /** Lets every `gated` field answer. */
  openGate(): void;
  /** Resolves when a `gated` field was reached. */
  readonly gateReached: Promise<void>;
  createContext(request: IncomingRequest): Promise<RequestScope>;
  readonly sockets: SocketContexts;
  /** Of every credential that comes over HTTP. */
  expiresAt: number;
  readonly rights: Rights;
  /** What the credential behind a scope gives by now, as `Rights.renew` says it. */
  renewal: (scope: RequestScope) => Promise<RequestScope | undefined>;
  /** What policies note of each request. */
  told: RequestScope['told'];
  /** A subscription begins when this is settled. */
  beforeSubscribe: Promise<void>;
  /** The subscriptions so far, newest last. */
  readonly subscriptions: readonly FakeSubscription[];
  /** Resolves when there were so many. */
  subscribed(count: number): Promise<void>;
  /** The requests so far, newest last, and whether their clients left before the answer. */
  readonly requests: { left: boolean }[];
}

export interface FakeSubscription {
  readonly sink: SubscriptionSink;
  stopped: StopReason | undefined;
  /** How often another identity took it over. */
  renewed: number;
}

interface FakeScope extends RequestScope {
  readonly expiresAt: number;
}

interface Prepared extends PreparedOperation {
  readonly document: DocumentNode;
}

export function createFakeDoor(options: { introspection?: boolean } = {}): FakeDoor {
  const schema = buildSchema(typeDefs);
  const counts = { prepared: 0, executed: 0, incremented: 0, disposed: 0 };
  const requests: { left: boolean }[] = [];
  let openGate = () => {};
  const gate = new Promise<void>((resolve) => {
    openGate = resolve;
  });
  let reachGate = () => {};
  const gateReached = new Promise<void>((resolve) => {
    reachGate = resolve;
  });
  const subscriptions: FakeSubscription[] = [];
  const subscribers: (() => void)[] = [];
  const rootValue = {
    hello: ({ name }: { name: string }) => `hello ${name}`,
    echo: ({ text }: { text: string }) => text,
    gated: async () => {
      reachGate();
      await gate;
      return 'open';
    },
    sum: ({ numbers }: { numbers: number[] }) => numbers.reduce((one, other) => one + other, 0),
    broken: () => {
      throw new InternalError(`cannot read ${secret} at /srv/gateway/dist/engine.js:12:3`);
    },
    unreachable: () => {
      throw new SubgraphError('SUBREQUEST_HTTP_ERROR', 'users', 'The subgraph users did not answer.', secret);
    },
    partial: () => ['one', new GraphQLError('no two', { extensions: { code: 'DOWNSTREAM_SERVICE_ERROR' } })],
    large: ({ bytes }: { bytes: number }) => 'x'.repeat(bytes),
    increment: ({ by }: { by?: number }) => {
      counts.incremented += by ?? 1;
      return counts.incremented;
    },
    incrementGated: async () => {
      reachGate();
      await gate;
      return ++counts.incremented;
    },
    fail: () => {
      counts.incremented += 1;
      throw new SubgraphError('GATEWAY_TIMEOUT', 'users', 'The subgraph users did not answer in time.');
    },
    reached: () => null,
  };

  const run = async (document: DocumentNode, operationName: string | undefined, variables: object | undefined) => {
    counts.executed++;
    const result = await execute({
      schema,
      document,
      rootValue,
      operationName: operationName ?? null,
      variableValues: (variables ?? {}) as Record<string, unknown>,
    });
    return codedVariableErrors(result);
  };
  const executor: GatewayExecutor = async ({ document, request }) =>
    run(document, request.operationName ?? undefined, request.variables);
  const gateway: GatewayInterface = {
    load: async () => ({ executor }),
    onSchemaLoadOrUpdate(callback) {
      callback({ apiSchema: schema, coreSupergraphSdl: '' });
      return () => {};
    },
    stop: async () => {
      throw new Error('the HTTP door must not stop a gateway that it does not own');
    },
  };

  /** What is deferred, whatever that is, comes when the test opens the gate. */
  const laterPart = (): LaterAnswer => {
    const parts = [{ path: [], label: 'slow', completed: { data: { gated: 'open' }, errors: [] } }];
    const later = {
      hasNext: true,
      async next() {
        reachGate();
        await gate;
        later.hasNext = false;
        return { parts, hasNext: false };
      },
    };
    return later;
  };

  const openScope = (id: string, expiresAt: number): FakeScope => {
    const request = { left: false };
    requests.push(request);
    return {
      id,
      log: silentLog,
      calls: { count: 2, failed: 0 },
      ...(door.told && { told: door.told }),
      expiresAt,
      clientLeft: () => {
        request.left = true;
      },
      dispose: () => void counts.disposed++,
    };
  };

  const door: FakeDoor = {
    counts,
    requests,
    openGate: () => openGate(),
    gateReached,
    gateway,
    prepare(source, operationName) {
      counts.prepared++;
      return prepare(source, operationName);
    },
    async execute(prepared, params, _context, inParts) {
      const result = await run((prepared as Prepared).document, params.operationName, params.variables);
      if (inParts && prepared.defers) return { kind: 'result', result, later: laterPart() };
      // As the engine does: what is clean comes as text.
      const isClean = result.errors === undefined && result.extensions === undefined;
      return isClean ? { kind: 'text', body: JSON.stringify(result) } : { kind: 'result', result };
    },
    async subscribe(_prepared, params, _context, sink) {
      if (params.variables?.refuse) {
        return { kind: 'refused', errors: [new ClientError('UNAUTHORIZED_FIELD_OR_TYPE', 'Not for you.')] };
      }
      await this.beforeSubscribe;
      const subscription: FakeSubscription = { sink, stopped: undefined, renewed: 0 };
      subscriptions.push(subscription);
      for (const check of subscribers.splice(0)) check();
      const extensions = params.variables?.told as Readonly<Record<string, unknown>> | undefined;
      return {
        kind: 'live',
        extensions,
        stop: (reason) => {
          subscription.stopped ??= reason;
        },
        fail: (error) => sink.end({ kind: 'error', errors: [error] }),
        reauthorise: async () => {
          subscription.renewed += 1;
        },
      };
    },
    told: undefined,
    beforeSubscribe: Promise.resolve(),
    subscriptions,
    async subscribed(count) {
      while (subscriptions.length < count) await new Promise<void>((resolve) => subscribers.push(resolve));
    },
    expiresAt: Number.POSITIVE_INFINITY,
    renewal: async () => undefined,
    rights: {
      expiryOf: (scope) => (scope as FakeScope).expiresAt,
      renew: (scope) => door.renewal(scope),
      callerOf: (scope) => callerAt((scope as FakeScope).expiresAt),
    },
    sockets: {
      async connect(_upgrade, payload) {
        const { token } = (payload ?? {}) as { token?: string };
        if (token === 'bad') throw new ClientError('UNAUTHENTICATED', 'The credentials were refused.');
        if (token === 'crash') throw new Error(`cannot reach ${secret}`);
        const expiresAt = token === undefined ? Number.POSITIVE_INFINITY : Number(token);
        return { expiresAt, caller: callerAt(expiresAt) };
      },
      async refresh(identity, _upgrade, payload) {
        const { token } = payload as { token?: string };
        if (token === 'bad') throw new ClientError('UNAUTHENTICATED', 'The credentials were refused.');
        return token === undefined ? identity : { expiresAt: Number(token) };
      },
      async open({ expiresAt }, { id }) {
        if (expiresAt < Date.now()) throw new ClientError('UNAUTHENTICATED', 'The credentials have expired.');
        return openScope(id, expiresAt);
      },
    },
    async createContext({ id, headers }) {
      if (headers.authorization === 'Bearer bad') {
        throw new ClientError('UNAUTHENTICATED', 'The credentials were refused.');
      }
      if (headers.authorization === 'Bearer crash') throw new Error(`cannot reach ${secret}`);
      return openScope(id, this.expiresAt);
    },
  };
  return door;

  function prepare(source: string, operationName: string | undefined): Prepared | RefusedOperation {
    let document: DocumentNode;
    try {
      document = parse(source);
    } catch (error) {
      return refused('GRAPHQL_PARSE_FAILED', [error as GraphQLError]);
    }
    const errors = validate(schema, document);
    if (errors.length > 0) return refused('GRAPHQL_VALIDATION_FAILED', errors);
    if (options.introspection === false && source.includes('__schema')) {
      return refused('GRAPHQL_VALIDATION_FAILED', [new GraphQLError('Introspection is off.')]);
    }
    const operation = getOperationAST(document, operationName);
    if (!operation) return refused('OPERATION_RESOLUTION_FAILURE', [new GraphQLError('Unknown operation.')]);
    return {
      kind: 'prepared',
      document,
      operation: operation.operation as OperationType,
      operationName: operation.name?.value,
      defers: source.includes('@defer'),
    };
  }
}

/** Credentials that expire at one moment are one caller's; those that do not are nobody's. */
const callerAt = (expiresAt: number) => (Number.isFinite(expiresAt) ? String(expiresAt) : undefined);

function refused(code: string, errors: readonly GraphQLError[]): RefusedOperation {
  return { kind: 'refused', errors: errors.map((error) => coded(code, error)) };
}

function coded(code: string, { message, nodes, source, positions }: GraphQLError): GraphQLError {
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    extensions: { code },
  });
}

function codedVariableErrors(result: ExecutionResult): ExecutionResult {
  if (result.data !== undefined || result.errors === undefined) return result;
  return { errors: result.errors.map((error) => coded('BAD_USER_INPUT', error)) };
}
