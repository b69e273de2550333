/** A `gateway.yaml` on disk, with the environment given as a value. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, ConfigError, loadConfig } from '../../src/config';
import { formatProblem } from '../../src/config/yaml-file';

/** A file in a directory of its own, which `remove` takes away. */
export function createYamlFile() {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-config-'));
  const file = join(directory, 'gateway.yaml');
  const load = (yaml: string, env: Record<string, string> = {}) => {
    writeFileSync(file, yaml);
    return loadConfig({ file, env });
  };
  return {
    directory,
    file,
    load,
    /** Throws the problems. */
    configOf(yaml: string, env?: Record<string, string>): Config {
      const loaded = load(yaml, env);
      if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
      return loaded.config;
    },
    /** As they are printed. */
    problemsOf(yaml: string, env?: Record<string, string>): string[] {
      const loaded = load(yaml, env);
      if (loaded.kind === 'config') throw new Error('the configuration was accepted');
      return loaded.problems.map((problem) => formatProblem(problem).replace(file, 'gateway.yaml'));
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
