/**
 * Where the instances of a subgraph are learned, and what a source tells. In: the configured kind. Out: `InstanceSource`.
 * Clock: in the background, beside requests. A source that fails tells so and goes on trying; what it told last holds.
 */
import type { CallClock } from '../call';
import type { InstanceAddress } from '../transport-options';
import { createDnsSource, type DnsSettings, type Lookup } from './dns-source';
import { createFileSource, type FileSettings } from './file-source';
import type { Registrations } from './registrations';

export type Discovery = DnsSettings | FileSettings | RegistrationSettings;

export interface RegistrationSettings {
  readonly kind: 'registration';
  /** An instance that is not registered again for so long is gone. */
  readonly ttlMs: number;
}

/** None may throw. */
export interface SourceListener {
  /** From now on these are the instances. */
  onInstances(addresses: readonly InstanceAddress[]): void;
  /** They could not be learned; `reason` is for the log. */
  onFailure(reason: string): void;
}

export interface InstanceSource {
  /** Begins to tell, possibly before it returns; returns what ends it. */
  open(listener: SourceListener): () => void;
}

export interface SourceDependencies {
  readonly clock: CallClock;
  readonly random: () => number;
  /** Absent: where nothing can be registered. */
  readonly registrations?: Registrations | undefined;
  /** Instead of the resolver of this machine. */
  readonly lookup?: Lookup | undefined;
}

/** Timers that keep no process alive: what runs in the background ends with what runs in the front. */
export const backgroundClock: CallClock = {
  elapsed: () => performance.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/** `url` is the subgraph's: its scheme and path are those of all instances, its host is what DNS is asked for. */
export function createInstanceSource(
  subgraph: string,
  discovery: Discovery,
  url: URL,
  dependencies: SourceDependencies,
): InstanceSource {
  switch (discovery.kind) {
    case 'dns':
    case 'srv':
      return createDnsSource(discovery, url, dependencies);
    case 'file':
      return createFileSource(discovery, url, dependencies);
    case 'registration':
      return {
        open: (listener) => {
          const { registrations } = dependencies;
          const tell = (addresses: readonly InstanceAddress[]) => listener.onInstances(addresses);
          if (registrations !== undefined) return registrations.follow(subgraph, discovery.ttlMs, tell);
          listener.onFailure('nothing can be registered here');
          return () => {};
        },
      };
  }
}
