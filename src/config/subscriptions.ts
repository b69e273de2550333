/**
 * The `subscriptions` section: what clients may hold open, and what becomes of those that read slowly.
 */
import { z } from 'zod';
import { count, milliseconds } from './values';

export const subscriptionsSchema = z
  .strictObject({
    websocket: z.boolean().default(true).describe('Serve graphql-transport-ws on the GraphQL path.'),
    eventStreams: z.boolean().default(true).describe('Serve event streams (SSE) and multipart HTTP there.'),
    maxConnections: count().default(50_000).describe('WebSockets and event streams, each.'),
    maxConnectionsPerIp: count().default(10_000).describe('The same from one address: a balancer has one, too.'),
    maxConnectionsPerIdentity: count().default(10_000).describe('The same of one subject of one issuer.'),
    maxOperationsPerConnection: count().default(100).describe('Operations that run on one WebSocket at a time.'),
    maxMessageBytes: count().default(1_000_000).describe('Of one WebSocket message; a larger one closes with 1009.'),
    initTimeoutMs: milliseconds().default(3_000).describe('For connection_init; then the socket closes with 4408.'),
    idleTimeoutMs: milliseconds().default(300_000).describe('A WebSocket without operations closes after it.'),
    pingIntervalMs: milliseconds()
      .default(12_000)
      .describe('Between two signs of life; a WebSocket that does not answer one is cut.'),
    recheckMs: milliseconds()
      .default(15_000)
      .describe('Between two looks at the API keys of those who listen: what a revoked one began ends then.'),
    admitEvents: z
      .boolean()
      .default(false)
      .describe('Each event is admitted like an operation: rights are asked and rate limits charged for each client.'),
    slowConsumers: z
      .enum(['dropOldest', 'latestOnly', 'disconnect'])
      .default('dropOldest')
      .describe('What happens when a client reads slower than events come. Lost ones are told in extensions.gap.'),
    maxQueuedMessages: count().default(100).describe('Events that wait for one client.'),
    maxQueuedBytes: count().default(1_000_000).describe('Bytes of events that wait for one client.'),
  })
  .prefault({});
