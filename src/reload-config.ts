/**
 * Reads the configuration anew while the gateway runs: what can change then is taken over at once or not at all, what
 * cannot is told. In: where the configuration comes from, and the parts that work by it. Clock: per reload.
 * A configuration with problems changes nothing.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { type Config, type LoadedConfig, strayOverrides, withReloadable } from './config';
import { compareSettings, type Setting } from './config/effective';
import { formatProblem } from './config/yaml-file';
import { type Authentication, createAuthentication } from './context/create-authentication';
import type { RequestContexts } from './context/create-request-context';
import type { SubgraphIdentity } from './context/subgraph-identity';
import { createContexts } from './doors';
import type { Gateway } from './gateway';
import type { AdjustableLog } from './telemetry/log';
import type { Metrics } from './telemetry/metrics';

export type ReloadOutcome =
  | { readonly kind: 'reloaded'; readonly changed: readonly string[]; readonly needRestart: readonly string[] }
  /** Nothing changed. */
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

export interface ConfigReloadOptions {
  readonly loaded: Extract<LoadedConfig, { kind: 'config' }>;
  readonly load: () => LoadedConfig;
  readonly identity: SubgraphIdentity | undefined;
  readonly gateway: Gateway;
  readonly metrics: Pick<Metrics, 'configReloaded'>;
  readonly log: AdjustableLog;
}

export class ConfigReload {
  config: Config;
  settings: readonly Setting[];
  /** For the doors: every request is opened by the newest. */
  readonly contexts: RequestContexts;
  private authentication: Authentication;
  private newest: RequestContexts;
  private reloading: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: ConfigReloadOptions) {
    const { loaded } = options;
    this.config = loaded.config;
    this.settings = loaded.settings();
    this.authentication = this.openAuthentication(loaded.config);
    this.newest = this.openContexts(loaded.config);
    const newest = () => this.newest;
    this.contexts = {
      openHttp: (request) => this.newest.openHttp(request),
      open: (request) => this.newest.open(request),
      renew: (...given) => this.newest.renew(...given),
      get connections() {
        return newest().connections;
      },
    };
  }

  private openAuthentication({ authentication }: Config): Authentication {
    const { identity, log } = this.options;
    return createAuthentication(authentication, { subgraphIdentity: identity, log, now: Date.now });
  }

  private openContexts(config: Config): RequestContexts {
    const { identity, log } = this.options;
    return createContexts(config, this.authentication, identity, log);
  }

  /** One at a time. Never rejects. */
  reload(): Promise<ReloadOutcome> {
    const reloaded = this.reloading.then(async () => {
      const outcome = await this.reloadNow();
      this.options.metrics.configReloaded(outcome.kind);
      return outcome;
    });
    this.reloading = reloaded;
    return reloaded;
  }

  private async reloadNow(): Promise<ReloadOutcome> {
    const loaded = this.options.load();
    if (loaded.kind === 'problems') return this.refuse(loaded.problems.map(formatProblem));
    const { reloadable: changed, needRestart, settings } = compareSettings(this.settings, loaded.settings());
    const config = withReloadable(this.config, loaded.config);
    try {
      if (changed.some((path) => !isOfDoors(path))) await this.options.gateway.reconfigure(config);
    } catch (error) {
      return this.refuse([error instanceof Error ? error.message : String(error)]);
    }
    this.config = config;
    this.settings = settings;
    await this.replaceContexts(changed);
    if (changed.includes('telemetry.logLevel')) this.options.log.level = config.telemetry.logLevel;
    this.tell(changed, needRestart);
    return { kind: 'reloaded', changed, needRestart };
  }

  /** Whoever is authenticated right now, is so by the old keys; those who come next by the new ones. */
  private async replaceContexts(changed: readonly string[]): Promise<void> {
    const before = this.authentication;
    const isOther = changed.some((path) => path.startsWith('authentication.'));
    if (isOther) this.authentication = this.openAuthentication(this.config);
    this.newest = this.openContexts(this.config);
    if (isOther) await before.close();
  }

  private refuse(problems: readonly string[]): ReloadOutcome {
    this.options.log.error({ problems }, 'A configuration is refused; the one before stays');
    return { kind: 'refused', problems };
  }

  private tell(changed: readonly string[], needRestart: readonly string[]): void {
    const { log, gateway } = this.options;
    log.info({ changed }, 'The configuration was read anew');
    if (needRestart.length > 0) log.warn({ needRestart }, 'Some of the configuration counts only after a restart');
    for (const stray of strayOverrides(this.config, gateway.current?.subgraphNames ?? [])) log.warn({}, stray);
  }

  /** Reloads when the file is another one. Returns what ends it. */
  watch(file: string): () => void {
    let settling: NodeJS.Timeout | undefined;
    const onChange = () => {
      clearTimeout(settling);
      // It may be half written.
      settling = setTimeout(() => this.reload(), watchMs).unref();
    };
    watchFile(file, { interval: watchMs, persistent: false }, onChange);
    return () => {
      clearTimeout(settling);
      unwatchFile(file, onChange);
    };
  }

  /** Tells the store of API keys of the last uses. Never rejects. */
  close(): Promise<void> {
    return this.authentication.close();
  }
}

const watchMs = 500;

/** Keys that concern whose tokens are good and the log: the supergraph need not be opened again for them. */
function isOfDoors(path: string): boolean {
  return /^(authentication\.issuers|telemetry)\b/.test(path);
}
