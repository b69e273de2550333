/**
 * The `subgraphs` section: for all of them, and what differs for one.
 */
import { z } from 'zod';
import { discoverySchema } from './discovery';
import { instancesSchema, resilienceDefaults, resilienceShape } from './resilience';
import { subgraphTlsSchema } from './tls';
import { count, headerName, httpUrl, milliseconds, text } from './values';

/** How subscriptions reach a subgraph. */
const subscriptionShape = {
  protocol: z.enum(['websocket', 'sse']).describe('graphql-transport-ws, or GraphQL over SSE.'),
  path: z.string().startsWith('/').optional().describe("Instead of the path of the subgraph's URL."),
  maxConnections: count().describe(
    'Connections to one subgraph: sockets of many subscriptions, or one for each stream.',
  ),
  connectTimeoutMs: milliseconds().describe('Until a subgraph is ready to be subscribed to.'),
  keepAliveMs: milliseconds().describe('A connection that is silent for so long, though it is asked, is lost.'),
  reconnectMs: milliseconds().describe('A subscription that is lost is asked for again for so long.'),
};

/** What can be set for all subgraphs and for one. */
const subgraphShape = {
  timeoutMs: milliseconds().describe('Time for one request to a subgraph.'),
  connectTimeoutMs: milliseconds().describe('Until a connection to a subgraph is made.'),
  firstByteTimeoutMs: milliseconds().describe(
    'Of one attempt, until the first byte of its answer; then another instance is asked. Absent: timeoutMs.',
  ),
  maxInFlight: count().describe(
    'Calls of one subgraph under way at a time, over all instances. Absent: what its connections allow.',
  ),
  maxQueued: count().describe('Calls that wait for one of those; further ones fail at once.'),
  maxResponseBytes: count().describe('Answers and events over it are an error, after inflation.'),
  maxConnections: count().describe('Connections to one instance of a subgraph.'),
  maxWaiting: count().describe('Calls that wait for a connection to one instance; further ones fail at once.'),
  http2: z.boolean().describe('Speak HTTP/2 where the subgraph offers it.'),
  tls: subgraphTlsSchema.describe('For subgraphs behind `https:` and `wss:`.'),
  deadlineHeader: z
    .union([headerName(), z.literal(false)])
    .describe('Tells subgraphs how many milliseconds are left to answer; false: they are not told.'),
};

const subscriptionDefaults = z
  .strictObject({
    protocol: subscriptionShape.protocol.default('websocket'),
    path: subscriptionShape.path,
    maxConnections: subscriptionShape.maxConnections.default(10),
    connectTimeoutMs: subscriptionShape.connectTimeoutMs.default(5_000),
    keepAliveMs: subscriptionShape.keepAliveMs.default(15_000),
    reconnectMs: subscriptionShape.reconnectMs.default(60_000),
  })
  .prefault({});

const subscriptionUrl = z
  .url({ protocol: /^(https?|wss?)$/, error: 'expected an http, https, ws or wss URL' })
  .describe("Instead of the subgraph's own URL.");

export const subgraphsSchema = z
  .strictObject({
    defaults: z
      .strictObject({
        timeoutMs: subgraphShape.timeoutMs.default(10_000),
        connectTimeoutMs: subgraphShape.connectTimeoutMs.default(5_000),
        firstByteTimeoutMs: subgraphShape.firstByteTimeoutMs.optional(),
        maxInFlight: subgraphShape.maxInFlight.optional(),
        maxQueued: subgraphShape.maxQueued.default(1_000),
        maxResponseBytes: subgraphShape.maxResponseBytes.default(50_000_000),
        maxConnections: subgraphShape.maxConnections.default(100),
        maxWaiting: subgraphShape.maxWaiting.default(1_000),
        http2: subgraphShape.http2.default(false),
        tls: subgraphShape.tls.optional(),
        deadlineHeader: subgraphShape.deadlineHeader.default('x-deadline-ms'),
        ...resilienceDefaults,
        subscription: subscriptionDefaults,
      })
      .prefault({}),
    overrides: z
      .record(
        z.string(),
        z
          .strictObject({
            url: httpUrl().describe('Instead of the routing URL of the supergraph.'),
            instances: instancesSchema,
            discovery: discoverySchema,
            ...subgraphShape,
            ...resilienceShape,
            subscription: z.strictObject({ url: subscriptionUrl, ...subscriptionShape }).partial(),
          })
          .partial()
          .refine(({ instances, discovery }) => instances === undefined || discovery === undefined, {
            error: 'give either `instances` or `discovery`',
            path: ['discovery'],
          }),
      )
      .default({}),
    zone: text()
      .optional()
      .describe('Where this gateway runs: instances of the same zone are asked while at least half of them are well.'),
  })
  .prefault({});
