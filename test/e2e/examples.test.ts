/**
 * The examples as their README says to run them, against the reference graph. Real: everything, with a headless Chromium
 * for the page. Observed: what the terminal prints, and what two windows show to two people.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/browser';
import { type ReferenceGraph, startReferenceGraph } from '../support/reference-graph';

jest.setTimeout(120_000);

let graph: ReferenceGraph;
const children: ChildProcess[] = [];
beforeAll(async () => {
  graph = await startReferenceGraph();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await graph.close();
});

function run(file: string): { readonly child: ChildProcess; readonly output: () => string } {
  const env = { PATH: process.env.PATH, GATEWAY_URL: graph.graphqlUrl, PORT: '0', WAIT_MS: '3000' };
  const child = spawn(process.execPath, [join(__dirname, '../../examples', file)], { env });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (part) => {
      output += part;
    });
  return { child, output: () => output };
}

it('the example of Node prints what two users hear of one another', async () => {
  const { child, output } = run('node/chat.mjs');
  const [status] = await once(child, 'exit');
  const heard = output()
    .split('\n')
    .filter((line) => line.startsWith('grace hears '))
    .map((line) => JSON.parse(line.slice('grace hears '.length)));
  expect(output()).not.toContain('Error');
  expect(status).toBe(0);
  const call = { id: expect.any(String), media: 'VIDEO', conversation: { title: 'Example' } };
  expect(heard).toEqual([
    { typing: { user: { displayName: 'Ada Lovelace' }, until: expect.stringMatching(/Z$/) } },
    { messageAdded: { body: 'May I call you?', sender: { displayName: 'Ada Lovelace' } } },
    { callSignal: { __typename: 'CallIncoming', from: { displayName: 'Ada Lovelace' }, call } },
    { callSignal: { __typename: 'CallAccepted', from: { displayName: 'Grace Hopper' }, call } },
  ]);
  expect(output()).toContain(
    'grace was notified: {"unreadCount":2,"nodes":[{"kind":"MESSAGE","subject":{"body":"May I',
  );
});

describeInBrowser('the page of the examples', () => {
  let browser: TestBrowser;
  afterAll(() => browser.close());

  it('lets two people write to one another', async () => {
    const { output } = run('browser/serve.mjs');
    const urlIn = () => /open (\S+)/.exec(output())?.[1];
    while (urlIn() === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    browser = await openBrowser();
    const complaints: string[] = [];
    const open = async (username: string): Promise<Page> => {
      const page = await browser.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(urlIn() ?? '');
      await page.selectOption('#username', username);
      await page.click('#sign-in button');
      await page.getByText(', connected').waitFor();
      return page;
    };
    const grace = await open('grace');
    const ada = await open('ada');
    while (graph.events.listeners('notification:00000000-0000-4000-8000-000000000002') === 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await ada.fill('#other', 'grace');
    await ada.click('#begin button');
    await grace.locator('#messages', { hasText: 'Ada Lovelace: Hello!' }).waitFor();
    await grace.fill('#body', 'Hello Ada, I see you.');
    await ada.getByText('Grace Hopper is writing').waitFor();
    await grace.click('#say button');
    await ada.locator('#messages', { hasText: 'Grace Hopper: Hello Ada, I see you.' }).waitFor();
    await grace.locator('#messages', { hasText: 'Grace Hopper: Hello Ada, I see you.' }).waitFor();
    await ada.screenshot({ path: join(tmpdir(), 'supergate-example.png') });
    expect(await ada.locator('#messages li').allTextContents()).toEqual([
      'Ada Lovelace: Hello!',
      'Grace Hopper: Hello Ada, I see you.',
    ]);
    expect(complaints).toEqual([]);
    expect(browser.outside).toEqual([]);
  });
});
