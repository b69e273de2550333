/** A headless Chromium from Debian, driven by playwright-core, that can reach nothing but loopback. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/**
 * `describe`, or a skip with its reason when no Chromium is installed.
 * With CI=true a missing browser is a failure: there `.ci/run` installs it.
 */
export function describeInBrowser(name: string, body: () => void): void {
  if (existsSync(executablePath)) {
    describe(name, body);
    return;
  }
  if (process.env.CI === 'true') {
    it(`${name}: needs ${executablePath}`, () => {
      throw new Error(`${executablePath} is missing: apt-get install -y chromium`);
    });
    return;
  }
  describe.skip(`${name} (skipped: ${executablePath} is not installed)`, body);
}

export interface TestBrowser {
  readonly context: BrowserContext;
  /** Every URL that a page asked for outside loopback, and that was refused. */
  readonly outside: string[];
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Starts a browser with an empty profile. Requests that leave loopback are noted and aborted, unless `answers` has
 * a body for their URL: then that is what the page gets.
 */
export async function openBrowser(answers: Readonly<Record<string, string>> = {}): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'supergate-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: flags,
    viewport: { width: 1280, height: 800 },
  });
  const outside: string[] = [];
  await context.route('**/*', (route) => {
    const url = new URL(route.request().url());
    if (['127.0.0.1', 'localhost'].includes(url.hostname) || ['data:', 'blob:'].includes(url.protocol)) {
      return route.continue();
    }
    const body = answers[url.origin + url.pathname];
    if (body !== undefined) {
      return route.fulfill({ body, contentType: url.pathname.endsWith('.js') ? 'text/javascript' : 'text/html' });
    }
    outside.push(url.href);
    return route.abort();
  });
  return {
    context,
    outside,
    newPage: () => context.newPage(),
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
