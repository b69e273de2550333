/**
 * The `telemetry` section.
 */
import { z } from 'zod';
import { hidden, httpUrl, reloadable, text } from './values';

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export const telemetrySchema = z
  .strictObject({
    logLevel: reloadable(z.enum(logLevels)).default('info').describe('Of the JSON lines on standard output.'),
    metrics: z.boolean().default(true).describe('Serve /metrics.'),
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
        serviceName: text().default('supergate').describe('The name of this service in traces.'),
      })
      .optional()
      .describe('Absent: no traces.'),
  })
  .prefault({});
