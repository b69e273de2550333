/**
 * Commands to a Redis server, or to the nodes of a Redis Cluster. In: where it is, keys. Out: answers, and which nodes come
 * and go. Clock: per process. The only file that knows ioredis. What cannot be sent now is never sent later.
 */
import { Cluster, type ClusterOptions, Command, Redis } from 'ioredis';
import { type RedisConfig, readRedisUrl } from './config/redis';
import { readSubgraphTls } from './config/tls';

export type RedisAddressConfig = Pick<RedisConfig, 'url'> & Partial<Pick<RedisConfig, 'cluster' | 'password' | 'tls'>>;

export interface RedisClient {
  /** Whether every node is connected. */
  isReady(): boolean;
  /** Which node has a key; undefined while that one is not connected. */
  nodeOf(key: string): string | undefined;
  get(key: string): Promise<string | null>;
  set(key: string, value: string, lifetimeMs: number): Promise<unknown>;
  /** A Lua script, to be called with keys of one node, and values. */
  script(lua: string): (keys: readonly string[], values: readonly string[]) => Promise<unknown>;
  /** Resolves when the node of a key answers; looks meanwhile whether another one has the key now. */
  ping(key: string): Promise<unknown>;
  close(): void;
}

export interface NodeEvents {
  /** Told again and again while it cannot be reached. */
  lost(node: string, reason: string): void;
  found(node: string): void;
  /** The nodes that have keys, each time they are learned. */
  nodes(names: ReadonlySet<string>): void;
}

const connectTimeoutMs = 1_500;
const maxReconnectDelayMs = 500;
/** A connection on which nothing comes back for so long is given up. */
const silenceMs = 2_000;
/** So often a cluster is asked who has what, while one of its nodes does not answer. */
const seekMs = 250;

const reconnectDelayMs = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), maxReconnectDelayMs);

/** Begins to connect, and goes on trying until it is closed. Throws an `Error` for files of `tls` that cannot be used. */
export function openRedisClient(config: RedisAddressConfig, events: NodeEvents): RedisClient {
  const address = readRedisUrl(config.url);
  if (!address) throw new Error('Not a Redis URL');
  const { nodes, isTls, username, password = config.password, database } = address;
  const connection: Connection = {
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: config.tls ? readSubgraphTls(config.tls) : {} }),
  };
  const [first] = nodes;
  if (!first || (config.cluster ?? nodes.length > 1)) return openCluster(nodes, connection, events);
  return openServer(first, { ...connection, db: database }, events);
}

interface Node {
  readonly host: string;
  readonly port: number;
}

type Connection = Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;

function openServer({ host, port }: Node, connection: Connection, events: NodeEvents): RedisClient {
  const client = new Redis({ ...connection, host, port, enableOfflineQueue: false, retryStrategy: reconnectDelayMs });
  const name = `${host}:${port}`;
  let lastError: string | undefined;
  client.on('error', (error: Error) => {
    lastError = error.message;
  });
  client.on('close', () => events.lost(name, lastError ?? closedReason));
  client.on('ready', () => {
    lastError = undefined;
    events.found(name);
  });
  return {
    ...commandsOf(client),
    isReady: () => client.status === 'ready',
    nodeOf: () => (client.status === 'ready' ? name : undefined),
    ping: () => client.ping(),
    close() {
      client.removeAllListeners('close');
      client.disconnect();
    },
  };
}

const closedReason = 'it closed the connection';

function openCluster(seeds: readonly Node[], redisOptions: Connection, events: NodeEvents): RedisClient {
  const client = new Cluster([...seeds], {
    redisOptions,
    // For what is sent on to a node that is new: nobody else asks one that is not connected.
    enableOfflineQueue: true,
    // A node that is down shows by its answers.
    enableReadyCheck: false,
    clusterRetryStrategy: reconnectDelayMs,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    maxRedirections: 3,
    // Names are what certificates are for.
    dnsLookup: (host, done) => done(null, host),
  });
  const connected = new Map<string, Redis>();
  const name = seeds.map(({ host, port }) => `${host}:${port}`).join();
  let lastError: string | undefined;
  let seeking: NodeJS.Timeout | undefined;
  let isClosed = false;

  const isConnected = (node: string) => connected.get(node)?.status === 'ready';
  const owners = () => new Set(client.slots.flatMap(([owner]) => owner ?? []));
  /** Where no node tells; not while that goes on already, which would end it for good. */
  const beginAnew = () => {
    if (client.status === 'ready') client.disconnect(true);
  };
  const seek = () => {
    if (isClosed) return;
    seeking ??= setTimeout(() => {
      seeking = undefined;
      if (client.status === 'ready') client.refreshSlotsCache((error) => error && beginAnew());
    }, seekMs).unref();
  };
  client.on('+node', (node: Redis) => {
    const key = nodeName(node);
    connected.set(key, node);
    node.on('ready', () => events.found(key));
    // Whoever asks first must not wait for it.
    node.connect().catch(() => {});
  });
  client.on('-node', (node: Redis) => {
    const key = nodeName(node);
    if (connected.get(key) === node) connected.delete(key);
    if (isClosed || !owners().has(key)) return;
    events.lost(key, lastError ?? closedReason);
    seek();
  });
  client.on('node error', (error: Error) => {
    lastError = error.message;
  });
  client.on('refresh', () => events.nodes(owners()));
  client.on('close', () => {
    if (!isClosed) events.lost(name, lastError ?? closedReason);
  });
  client.on('ready', () => events.found(name));
  return {
    ...commandsOf(client),
    isReady: () => client.status === 'ready' && [...owners()].every(isConnected),
    nodeOf(key) {
      const node = client.status === 'ready' ? client.slots[slotOf(key)]?.[0] : undefined;
      return node !== undefined && isConnected(node) ? node : undefined;
    },
    ping(key) {
      seek();
      return client.exists(key);
    },
    close() {
      isClosed = true;
      clearTimeout(seeking);
      client.disconnect();
    },
  };
}

function commandsOf(client: Redis | Cluster): Pick<RedisClient, 'get' | 'set' | 'script'> {
  let scripts = 0;
  return {
    get: (key) => client.get(key),
    set: (key, value, lifetimeMs) => client.set(key, value, 'PX', Math.ceil(lifetimeMs)),
    script(lua) {
      scripts += 1;
      const name = `script${scripts}`;
      client.defineCommand(name, { lua });
      type Defined = Record<string, (keys: number, ...words: string[]) => Promise<unknown>>;
      const defined = client as unknown as Defined;
      return (keys, values) => defined[name]?.(keys.length, ...keys, ...values) ?? Promise.resolve();
    },
  };
}

function nodeName({ options: { host, port } }: Redis): string {
  return `${host}:${port}`;
}

function slotOf(key: string): number {
  return new Command('get', [key]).getSlot() ?? 0;
}
