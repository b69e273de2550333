/**
 * What a primary and its workers tell one another, and questions with answers over such messages. In: the sending end of
 * a process. Out: promises. Clock: per process. It never waits for an answer without end.
 */
import type { AdminAnswer, AdminRequest } from './client/admin';
import type { MetricSamples } from './telemetry/exposition';
import type { RotatingFileOptions } from './telemetry/rotating-file';

export type FromPrimary =
  | { readonly kind: 'samples' | 'rendered' | 'appended'; readonly id: number; readonly value?: unknown }
  | ({ readonly kind: 'admin'; readonly id: number; readonly method: string; readonly path: string } & AskedOfAdmin)
  /** Another worker has taken its place. */
  | { readonly kind: 'retire' };

export interface AskedOfAdmin {
  readonly query: string;
  readonly body: AdminRequest['body'];
}

export type FromWorker =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: MetricSamples | AdminAnswer }
  /** It wants text added to a file that all of them write. `appended` tells what went wrong, or an empty text. */
  | { readonly kind: 'append'; readonly id: number; readonly to: RotatingFileOptions; readonly text: string }
  /** It wants the metrics of all. */
  | { readonly kind: 'render'; readonly id: number }
  /** It takes more memory than it may. */
  | { readonly kind: 'heavy'; readonly bytes: number };

const answerTimeoutMs = 2_000;

/** Questions that wait for their answers. */
export class Questions {
  private readonly waiting = new Map<number, (value: unknown) => void>();
  private last = 0;

  /** Sends a question; undefined when no answer comes in time. */
  ask(send: (id: number) => void): Promise<unknown> {
    this.last += 1;
    const id = this.last;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(id, undefined), answerTimeoutMs);
      this.waiting.set(id, (value) => {
        clearTimeout(timer);
        resolve(value);
      });
      send(id);
    });
  }

  answer(id: number, value: unknown): void {
    this.waiting.get(id)?.(value);
    this.waiting.delete(id);
  }
}
