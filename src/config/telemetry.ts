/**
 * The `telemetry` section.
 */
import { z } from 'zod';
import { audienceSchema } from './authorization';
import { count, headerName, hidden, httpUrl, list, milliseconds, reloadable, secret, text } from './values';

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const explainSchema = z
  .strictObject({
    header: headerName().default('x-supergate-explain').describe('The header by which a client asks for it.'),
    token: hidden(secret()).optional().describe('Who gives it as the value of the header may.'),
    audience: audienceSchema.optional().describe('Who has one of these `roles` and all of these `scopes` may, too.'),
  })
  .refine(({ token, audience }) => token !== undefined || audience !== undefined, {
    error: 'say who may: give token or audience, or both',
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

const usageSchema = z.strictObject({
  file: text().optional().describe('Where the lines are added; relative to this file. Absent: standard output.'),
  intervalMs: milliseconds().default(60_000).describe('How often lines are written; also at the end.'),
  maxFileBytes: count().default(100_000_000).describe('A larger file is put aside as `FILE.1`, `FILE.2`, ...'),
  maxFiles: count().max(1_000).default(5).describe('Files in all; the oldest is deleted.'),
  maxOperations: count()
    .max(100_000)
    .default(1_000)
    .describe('Pairs of operation and client that are told apart in one interval; the others are counted as `other`.'),
  maxNames: count()
    .max(10_000)
    .default(100)
    .describe(
      'Names of operations, beside those of operation files and trusted documents, and of clients, that metrics tell apart: those that ask most.',
    ),
});

export const telemetrySchema = z
  .strictObject({
    logLevel: reloadable(z.enum(logLevels)).default('info').describe('Of the JSON lines on standard output.'),
    metrics: z.boolean().default(true).describe('Serve /metrics.'),
    slowOperationMs: reloadable(milliseconds().optional()).describe(
      'Operations that take longer have a line in the log with what they did at subgraphs. Absent: none has.',
    ),
    explain: reloadable(explainSchema.optional()).describe('Who may be told how an answer came to be. Absent: nobody.'),
    usage: usageSchema
      .optional()
      .describe('Which operations, clients and fields are used, as lines of JSON. Absent: nobody counts.'),
    redact: list(
      z
        .string()
        .regex(/^[^.\s]+(\.[^.\s]+)*$/, { error: 'expected names with dots between them, such as "client.name"' }),
    ).describe('Paths of fields that no line of the log has: `operation`, `fetches.*.instance`; `*` is any name.'),
    tracing: z
      .strictObject({
        otlpUrl: httpUrl().describe('Where spans are sent over OTLP/HTTP: `http://127.0.0.1:4318/v1/traces`.'),
        headers: hidden(z.record(z.string(), z.string())).default({}).describe('Sent with them.'),
        sampleRatio: z
          .number()
          .min(0)
          .max(1)
          .default(0.01)
          .describe('Of the traces that begin here; one that a client began is recorded when the client records it.'),
        b3: z
          .enum(['off', 'single', 'multi'])
          .default('off')
          .describe(
            'Headers of Zipkin: read where there is no `traceparent`, and written beside it, as one or as several.',
          ),
        serviceName: text().default('supergate').describe('The name of this service in traces.'),
      })
      .optional()
      .describe('Absent: no traces.'),
  })
  .prefault({});
