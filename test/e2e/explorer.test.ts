/**
 * The pages for a person, in a real headless Chromium, over a listening server.
 * Real: the pages, their content security policies, HTTP, Apollo Server. Fake: the schema behind it, Apollo's CDN.
 * Observed: what is shown, what the console complains of, what the pages ask of the world outside loopback.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startTestServer, stopTestServer, type TestServer } from '../client/http-server';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/browser';

const cdnScript = 'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js';
const sandboxFrame = 'https://sandbox.embed.apollographql.com/sandbox/explorer';

/** Stands in for Apollo's script: it embeds the same frame, and sends what the frame asks for, as the real one does. */
const fakeSandbox = `
window.EmbeddedSandbox = class {
  constructor(options) {
    window.sandboxOptions = options;
    const frame = document.createElement('iframe');
    frame.src = '${sandboxFrame}';
    document.querySelector(options.target).append(frame);
    addEventListener('message', async ({ data }) => {
      const answer = await fetch(options.initialEndpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: data }),
      });
      frame.contentWindow.postMessage(await answer.text(), '*');
    });
  }
};`;
const fakeFrame = `<body><script>
addEventListener('message', ({ data }) => document.body.append(data));
parent.postMessage('{ hello }', '*');
</script></body>`;

describeInBrowser('the explorer in a browser', () => {
  let server: TestServer;
  let browser: TestBrowser;
  let url: string;
  let complaints: string[];

  const visit = async (path: string): Promise<Page> => {
    const page = await browser.newPage();
    complaints = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(new URL(path, url).href, { waitUntil: 'domcontentloaded' });
    return page;
  };

  beforeAll(async () => {
    server = await startTestServer();
    url = await server.http.listen(0, '127.0.0.1');
  });
  afterEach(() => browser.close());
  afterAll(() => stopTestServer(server));

  it('runs a query that was typed into the offline explorer, and asks nothing of the outside', async () => {
    browser = await openBrowser();
    const page = await visit('/graphiql');
    await page.click('.graphiql-query-editor .view-lines');
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('query Greet($name: String) { hello(name: $name) }');
    await page.click('.graphiql-editor-tool .view-lines');
    await page.keyboard.insertText('{"name": "browser"}');
    await page.click('.graphiql-execute-button');
    await page.waitForFunction(() =>
      document.querySelector('.graphiql-response')?.textContent?.replace(/\s/g, ' ').includes('hello browser'),
    );
    await page.screenshot({ path: join(tmpdir(), 'supergate-explorer.png') });
    expect(complaints).toEqual([]);
    expect(browser.outside).toEqual([]);
    expect(server.lines.some(({ operation }) => operation === 'Greet')).toBe(true);
  }, 60_000);

  it('runs a subscription in the offline explorer, shows its events as they come, and stops it', async () => {
    browser = await openBrowser();
    const page = await visit('/graphiql');
    const shows = (text: string) =>
      page.waitForFunction(
        (wanted) => document.querySelector('.graphiql-response')?.textContent?.replace(/\s/g, ' ').includes(wanted),
        text,
      );
    await page.click('.graphiql-query-editor .view-lines');
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText('subscription Listen { ticks }');
    await page.click('.graphiql-execute-button');
    await server.door.subscribed(1);
    const subscription = server.door.subscriptions[0]!;
    for (const number of [41, 42]) {
      subscription.sink.next(JSON.stringify({ data: { ticks: number } }), false);
      await shows(`"ticks": ${number}`);
    }
    await page.screenshot({ path: join(tmpdir(), 'supergate-explorer-subscription.png') });
    await page.click('.graphiql-execute-button');
    while (subscription.stopped === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(subscription.stopped).toBe('client');
    expect(complaints).toEqual([]);
    expect(browser.outside).toEqual([]);
  }, 60_000);

  it('knows the schema in the offline explorer, and completes its fields', async () => {
    browser = await openBrowser();
    const page = await visit('/graphiql');
    await page.click('[aria-label="Show Documentation Explorer"]');
    await page.click('.graphiql-doc-explorer a:text-is("Query")');
    await page.waitForSelector('.graphiql-doc-explorer >> text=gated');
    await page.click('.graphiql-query-editor .view-lines');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('{ unreac');
    await page.waitForSelector('.suggest-widget >> text=unreachable');
    await page.screenshot({ path: join(tmpdir(), 'supergate-explorer-docs.png') });
    expect(complaints).toEqual([]);
    expect(browser.outside).toEqual([]);
  }, 60_000);

  it('opens Sandbox with both endpoints filled in, and lets it reach this gateway', async () => {
    browser = await openBrowser({ [cdnScript]: fakeSandbox, [sandboxFrame]: fakeFrame });
    const page = await visit('/graphql');
    await page.frameLocator('iframe').getByText('{"data":{"hello":"hello world"}}').waitFor();
    expect(await page.evaluate('window.sandboxOptions')).toMatchObject({
      initialEndpoint: url,
      initialSubscriptionEndpoint: url.replace('http:', 'ws:'),
      runTelemetry: false,
    });
    expect(await page.getByRole('link', { name: 'Offline explorer' }).isVisible()).toBe(true);
    await page.screenshot({ path: join(tmpdir(), 'supergate-sandbox.png') });
    expect(complaints).toEqual([]);
    expect(browser.outside).toEqual([]);
  }, 60_000);

  it('leads to the offline explorer when Sandbox cannot be loaded', async () => {
    browser = await openBrowser();
    const page = await visit('/graphql');
    await page.getByText('could not be loaded').waitFor();
    await page.screenshot({ path: join(tmpdir(), 'supergate-sandbox-offline.png') });
    await page.getByText('offline explorer').click();
    await page.waitForSelector('.graphiql-query-editor');
    expect(browser.outside).toEqual([cdnScript]);
  }, 60_000);

  it('shows Sandbox to a browser that opens the root', async () => {
    browser = await openBrowser({ [cdnScript]: fakeSandbox, [sandboxFrame]: fakeFrame });
    const page = await visit('/');
    expect(page.url()).toBe(url);
  }, 60_000);
});
