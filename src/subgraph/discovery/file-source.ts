/**
 * Instances from a file in the format of Prometheus' `file_sd`, JSON or YAML, that others write. In: a path. Out:
 * addresses, with their weights and zones from labels. Clock: it is read so often, and a changed text is looked at.
 * A file that is missing, half written or wrong changes nothing.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { checkValue, formatProblem, parseYaml } from '../../config/yaml-file';
import { FileChanges } from '../../file-changes';
import type { CallClock } from '../call';
import type { InstanceAddress } from '../transport-options';
import type { InstanceSource, SourceListener } from './instance-source';

export interface FileSettings {
  readonly kind: 'file';
  readonly path: string;
  readonly pollMs: number;
}

const maxFileBytes = 4_000_000;

const label = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const schema = z.array(
  z.strictObject({
    targets: z.array(z.string().min(1)),
    labels: z
      .record(z.string(), label)
      .default({})
      .refine(({ weight = '1' }) => Number(weight) > 0 && Number(weight) <= 1_000, {
        error: 'expected a number over 0 and up to 1000',
        path: ['weight'],
      }),
  }),
);

export type TargetFile =
  | { readonly kind: 'read'; readonly addresses: readonly InstanceAddress[] }
  | { readonly kind: 'problem'; readonly message: string };

/**
 * Reads `[{"targets": ["10.0.0.1:4001"], "labels": {"weight": "2", "zone": "a"}}]`: targets are `host:port` with the
 * scheme and path of `url`, or URLs of their own. Labels beside `weight` and `zone` are for others.
 */
export function readTargetFile(file: string, text: string, url: URL): TargetFile {
  if (text.length > maxFileBytes) return { kind: 'problem', message: `${file}: more than ${maxFileBytes} bytes` };
  const { value, origin, problems } = parseYaml(file, text, {});
  const checked = problems.length > 0 ? { kind: 'problems' as const, problems } : checkValue(schema, value, origin);
  if (checked.kind === 'problems') return { kind: 'problem', message: checked.problems.map(formatProblem).join('; ') };
  const addresses: InstanceAddress[] = [];
  for (const { targets, labels } of checked.value) {
    for (const target of targets) {
      const instance = targetUrl(target, url);
      if (instance === undefined)
        return { kind: 'problem', message: `${file}: "${target}" is neither host:port nor an http URL` };
      const { weight = '1', zone } = labels;
      addresses.push({ url: instance, weight: Number(weight), ...(zone !== undefined && { zone }) });
    }
  }
  return { kind: 'read', addresses };
}

function targetUrl(target: string, base: URL): string | undefined {
  if (/^https?:\/\//.test(target)) return URL.canParse(target) ? target : undefined;
  if (!/^(\[[\da-f:.]+\]|[\w.-]+)(:\d+)?$/i.test(target)) return undefined;
  const text = `${base.protocol}//${target}${base.pathname}${base.search}`;
  return URL.canParse(text) ? text : undefined;
}

/** Reads at once when it is opened, so that the first requests find their instances, then in the background. */
export function createFileSource(
  { path, pollMs }: FileSettings,
  url: URL,
  { clock }: { readonly clock: CallClock },
): InstanceSource {
  return {
    open: (listener) => {
      const told = new Told(path, url, listener);
      let isStopped = false;
      let stopTimer = () => {};
      const tick = async () => {
        const read = await readFile(path, 'utf8').then(asText, asProblem);
        if (isStopped) return;
        told.take(read);
        stopTimer = clock.schedule(tick, pollMs);
      };
      told.take(readNow(path));
      stopTimer = clock.schedule(tick, pollMs);
      return () => {
        isStopped = true;
        stopTimer();
      };
    },
  };
}

type Read = { readonly text: string } | { readonly problem: string };

const asText = (text: string): Read => ({ text });
const asProblem = (error: Error): Read => ({ problem: error.message });

function readNow(path: string): Read {
  try {
    return asText(readFileSync(path, 'utf8'));
  } catch (error) {
    return asProblem(error as Error);
  }
}

/** What is told of what was read. */
class Told {
  readonly #changes = new FileChanges();
  #isFirst = true;

  constructor(
    private readonly path: string,
    private readonly url: URL,
    private readonly listener: SourceListener,
  ) {}

  take(read: Read): void {
    if ('problem' in read) {
      this.#changes.count(undefined);
      this.listener.onFailure(read.problem);
      return;
    }
    const { text } = read;
    const hasChanged = this.#changes.hasChanged(text);
    if (this.#isFirst) this.#changes.count(text);
    else if (!hasChanged) return;
    this.#isFirst = false;
    const file = readTargetFile(this.path, text, this.url);
    if (file.kind === 'read') this.listener.onInstances(file.addresses);
    else this.listener.onFailure(file.message);
  }
}
