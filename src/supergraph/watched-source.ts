/**
 * A supergraph from a file or URL that may change: watched or polled, composed on the gateway's planner thread.
 * In: `supergraph.yaml`, a composed `.graphql` file or its URL. Out: a `SupergraphManager`. Clock: per supergraph.
 * It must never end a running gateway: what cannot be read or composed is told, and the next change is waited for.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../config';
import type { Environment } from '../config/yaml-file';
import { FileChanges, fileTickMs, signatureOf } from '../file-changes';
import type { Log } from '../telemetry/log';
import { CompositionError, composeSupergraph } from './composition';
import type { SupergraphHooks, SupergraphManager } from './manager';
import { readSupergraphSource, type SourceResult, type SupergraphSource } from './sources';

export interface WatchedSourceOptions {
  /** A `supergraph.yaml`, a composed supergraph as `.graphql`, or an http(s) URL of one. */
  readonly source: string;
  readonly env: Environment;
  /** Whether changed files are noticed. */
  readonly watch: boolean;
  /** Between two questions to a URL or an introspected subgraph; each wait is up to a fifth shorter or longer. */
  readonly pollMs: number;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly lastGoodFile?: string | undefined;
  /** What introspection requests carry: the gateway's own identity. */
  readonly identityHeaders?: () => Readonly<Record<string, string>>;
  readonly log: Log;
  readonly fetch?: typeof fetch;
  /** Rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly random?: () => number;
}

const maxSupergraphBytes = 50_000_000;

/** A manager for `createGateway({ supergraph: watchSupergraph({...}) })`. */
export function watchSupergraph(options: WatchedSourceOptions): SupergraphManager {
  return { initialize: (hooks) => new WatchedSource(options, hooks).start() };
}

class WatchedSource {
  private readonly ending = new AbortController();
  private readonly fetch: typeof fetch;
  private readonly wait: NonNullable<WatchedSourceOptions['wait']>;
  private readonly isUrl: boolean;
  private readonly introspected = new Map<string, string>();
  private files: readonly string[];
  private asksNetwork: boolean;
  private readonly changes = new FileChanges();
  /** What was composed last, whether or not it went well. */
  private lastKey: string | undefined;
  private etag: string | undefined;
  private toldStale = '';
  private isFailing = false;
  private loop: Promise<void> = Promise.resolve();
  private keeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: WatchedSourceOptions,
    private readonly hooks: SupergraphHooks,
  ) {
    this.fetch = options.fetch ?? fetch;
    this.wait = options.wait ?? ((milliseconds, signal) => sleep(milliseconds, undefined, { signal, ref: false }));
    this.isUrl = /^https?:\/\//i.test(options.source);
    this.asksNetwork = this.isUrl;
    this.files = this.isUrl ? [] : [options.source];
  }

  async start() {
    await this.countFiles();
    const first = await this.readFirst();
    this.loop = this.run();
    return {
      supergraphSdl: first,
      onServed: (sdl: string) => {
        this.keeping = this.keeping.then(() => this.keep(sdl));
      },
      cleanup: async () => {
        this.ending.abort();
        await this.loop;
        await this.keeping;
      },
    };
  }

  /** Where the network has a part in it, a supergraph that was served before is better than none. */
  private async readFirst(): Promise<string> {
    try {
      const next = await this.read();
      if (next === undefined) throw new Error(`${this.options.source} answered "not modified" to a first request`);
      return next;
    } catch (error) {
      const last = this.asksNetwork ? await this.lastGood() : undefined;
      if (last === undefined) throw error;
      this.hooks.reportUnreadable(messageOf(error));
      return last;
    }
  }

  private async run(): Promise<void> {
    const { watch, pollMs, random = Math.random } = this.options;
    const { signal } = this.ending;
    const nextPollMs = () => pollMs * (0.8 + 0.4 * random());
    let untilPollMs = nextPollMs();
    while (!signal.aborted && (watch || this.asksNetwork)) {
      const waitMs = watch && !this.isUrl ? Math.min(fileTickMs, untilPollMs) : untilPollMs;
      try {
        await this.wait(waitMs, signal);
      } catch {
        return;
      }
      untilPollMs -= waitMs;
      const isPollDue = untilPollMs <= 0;
      if (isPollDue) untilPollMs = nextPollMs();
      if ((isPollDue && this.asksNetwork) || (watch && (await this.haveFilesChanged()))) await this.refresh();
    }
  }

  private async refresh(): Promise<void> {
    try {
      const next = await this.read();
      // Whoever was told of a failure is told that it is over, by what there was before.
      const offered = next ?? (this.isFailing && this.isUrl ? this.lastKey : undefined);
      this.isFailing = false;
      if (offered !== undefined && !this.ending.signal.aborted) await this.hooks.update(offered);
    } catch (error) {
      this.isFailing = true;
      if (!this.ending.signal.aborted) this.hooks.reportUnreadable(messageOf(error));
    }
  }

  private async countFiles(): Promise<void> {
    this.changes.count(await signatureOf(this.files));
  }

  private async haveFilesChanged(): Promise<boolean> {
    return this.changes.hasChanged(await signatureOf(this.files));
  }

  /** The supergraph as it is now; undefined when nothing has changed since the last one that could be read. */
  private async read(): Promise<string | undefined> {
    return this.isUrl ? this.readUrl() : this.readFiles();
  }

  private async readFiles(): Promise<string | undefined> {
    const { source: file, env, timeoutMs, identityHeaders } = this.options;
    const read: SourceResult = await readSupergraphSource(file, {
      env,
      fetch: this.fetch,
      introspectionTimeoutMs: timeoutMs,
      introspected: this.introspected,
      ...(identityHeaders && { headers: identityHeaders }),
    });
    if (read.kind === 'problems') {
      this.lastKey = undefined;
      this.asksNetwork ||= read.isNetworkDown;
      throw new ConfigError(read.problems);
    }
    await this.learn(read.source);
    const key = keyOf(read.source);
    if (key === this.lastKey) return undefined;
    this.lastKey = key;
    const composition = await composeSupergraph(read.source, this.hooks);
    if (composition.kind === 'failed') throw new CompositionError(file, composition.errors);
    for (const { code, message } of composition.hints) this.options.log.debug({ code }, message);
    return composition.supergraphSdl;
  }

  /** Which files to watch, whether to poll, and who did not answer. */
  private async learn(source: SupergraphSource): Promise<void> {
    if (source.kind === 'supergraph') return;
    if (source.files.join('\n') !== this.files.join('\n')) {
      this.files = source.files;
      await this.countFiles();
    }
    this.asksNetwork = source.isIntrospected;
    const stale = source.stale.map(({ path, message }) => `${path}: ${message}`);
    if (stale.join() !== this.toldStale && stale.length > 0)
      this.options.log.warn({ stale }, 'Subgraphs do not tell their schema: the last one they told stays');
    this.toldStale = stale.join();
  }

  private async readUrl(): Promise<string | undefined> {
    const { source, headers, timeoutMs } = this.options;
    const response = await this.fetch(source, {
      headers: { ...headers, ...(this.etag && { 'if-none-match': this.etag }) },
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.ending.signal]),
    });
    if (response.status === 304) return undefined;
    if (!response.ok) throw new Error(`${source} answered with HTTP status ${response.status}`);
    const text = await readLimited(response);
    // A supergraph that is refused is not asked for again until it changes.
    this.etag = response.headers.get('etag') ?? undefined;
    if (text === this.lastKey) return undefined;
    this.lastKey = text;
    return text;
  }

  private async lastGood(): Promise<string | undefined> {
    const { lastGoodFile } = this.options;
    if (lastGoodFile === undefined) return undefined;
    return readFile(lastGoodFile, 'utf8').catch(() => undefined);
  }

  private async keep(supergraphSdl: string): Promise<void> {
    const { lastGoodFile, log } = this.options;
    if (lastGoodFile === undefined || !this.asksNetwork) return;
    const draft = `${lastGoodFile}.${process.pid}.tmp`;
    try {
      await writeFile(draft, supergraphSdl);
      await rename(draft, lastGoodFile);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'The supergraph cannot be kept for the next start');
    }
  }
}

async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxSupergraphBytes) throw new Error(`the supergraph is larger than ${maxSupergraphBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function keyOf(source: SupergraphSource): string {
  if (source.kind === 'supergraph') return source.sdl;
  return JSON.stringify(source.subgraphs.map(({ name, url, sdl }) => [name, url, sdl]));
}

/** `fetch` hides why it failed in the cause. */
function messageOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return [message ?? String(error), cause?.message].filter(Boolean).join(': ');
}
