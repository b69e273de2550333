/**
 * The pages for a person with a browser: Apollo Sandbox at the GraphQL path, the offline explorer at `/graphiql`.
 * Clock: per start (Sandbox is a small constant), once on demand (the explorer is 9 MB of HTML, kept compressed).
 * The pages read their own URL in the browser: nothing that a request says is ever written into them.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ClientError } from '../errors';
import type { CreateContext, RequestScope } from './door';
import { negotiateCoding } from './negotiation';
import { hashSource, pagePolicy } from './security-headers';

export const explorerPath = '/graphiql';

export interface Page {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A page that is kept compressed. */
export interface CompressedPage {
  readonly headers: Readonly<Record<string, string>>;
  /** Quoted, as in the header. */
  readonly etag: string;
  readonly gzipped: Buffer;
  inflate(): Promise<Buffer>;
}

const sandboxHost = 'https://embeddable-sandbox.cdn.apollographql.com';
const sandboxFrame = 'https://sandbox.embed.apollographql.com';

const sandboxScript = `
const endpoint = new URL(location.pathname, location.origin);
const subscriptions = new URL(endpoint);
subscriptions.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
if (window.EmbeddedSandbox) {
  new window.EmbeddedSandbox({
    target: '#sandbox',
    initialEndpoint: endpoint.href,
    initialSubscriptionEndpoint: subscriptions.href,
    initialState: { includeCookies: false, pollForSchemaUpdates: false },
    hideCookieToggle: false,
    runTelemetry: false,
    allowDynamicStyles: false,
  });
} else {
  document.querySelector('#sandbox').remove();
  document.querySelector('#fallback').remove();
  document.querySelector('#offline').hidden = false;
}
`;

const sandboxStyle = `
html, body, #sandbox, iframe { height: 100%; width: 100%; margin: 0; border: 0; }
body { font: 16px/1.5 system-ui, sans-serif; overflow: hidden; }
#offline { padding: 3rem; }
#fallback { position: fixed; right: 1rem; bottom: 1rem; z-index: 1; padding: .25rem .75rem; border-radius: 4px;
  background: #fff; color: #15252d; box-shadow: 0 1px 4px rgb(0 0 0 / 30%); font-size: 13px; }
`;

/**
 * Apollo Sandbox, loaded from Apollo's CDN, with the HTTP and the WebSocket endpoint filled in.
 * Without a network it says so, and a link to the offline explorer is always visible.
 */
export function renderSandboxPage(): Page {
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Supergate: Apollo Sandbox</title>
<link rel="icon" href="data:,">
<style>${sandboxStyle}</style>
</head>
<body>
<div id="sandbox"></div>
<main id="offline" hidden>
<h1>Supergate</h1>
<p>Apollo Sandbox could not be loaded: its files come from Apollo's network, which cannot be reached from here.</p>
<p>The <a href="${explorerPath}">offline explorer</a> needs no other network than this gateway.</p>
</main>
<a id="fallback" href="${explorerPath}">Offline explorer</a>
<script src="${sandboxHost}/v2/embeddable-sandbox.umd.production.min.js"></script>
<script>${sandboxScript}</script>
</body>
</html>
`;
  const policy = pagePolicy({
    'script-src': `${hashSource(sandboxScript)} ${sandboxHost}`,
    'style-src': hashSource(sandboxStyle),
    'frame-src': sandboxFrame,
    'img-src': 'data:',
    'connect-src': "'self'",
  });
  return { headers: { ...pageHeaders(policy), 'cross-origin-opener-policy': 'same-origin-allow-popups' }, body };
}

/**
 * The offline explorer: GraphiQL with everything it needs in one HTML file, subscriptions over graphql-ws.
 * Takes about half a second and is made once: keep the promise.
 */
export async function renderExplorerPage(graphqlPath: string): Promise<CompressedPage> {
  // 9 MB of text: nobody who does not open the page should pay for it.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({
    endpoint: graphqlPath,
    subscriptionsProtocol: 'WS',
    title: 'Supergate: explorer',
    defaultQuery: '# Ctrl-Enter runs the query.\n# Ctrl-Space completes a name.\n\nquery {\n  __typename\n}\n',
  }).trimStart();
  const policy = pagePolicy({
    'script-src': `${hashSource(inlineScriptOf(html))} blob:`,
    'worker-src': 'blob:',
    // The editor writes style elements as it goes.
    'style-src': "'unsafe-inline'",
    'img-src': 'data:',
    'font-src': 'data:',
    'connect-src': "'self'",
  });
  const gzipped = await promisify(gzip)(html, { level: 6 });
  const etag = `"${createHash('sha256').update(gzipped).digest('base64url').slice(0, 27)}"`;
  const headers = { ...pageHeaders(policy), 'cache-control': 'no-cache', etag, vary: 'accept-encoding' };
  return { headers, etag, gzipped, inflate: () => promisify(gunzip)(gzipped) };
}

/** The one script of the page, which ends the page: its text holds the words of tags, so the last end tag counts. */
function inlineScriptOf(html: string): string {
  const opening = '<script>';
  return html.slice(html.indexOf(opening) + opening.length, html.lastIndexOf('</script>'));
}

function pageHeaders(policy: string): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    // What is at this URL depends on the Accept header.
    vary: 'accept',
    'cache-control': 'no-store',
  };
}

/** Sends a page that was rendered before. */
export function sendPage(reply: FastifyReply, page: Page): FastifyReply {
  return reply.code(200).headers(page.headers).send(page.body);
}

/** Whether a page is shown to whoever asks. Never rejects. */
export type PageGuard = (request: FastifyRequest) => Promise<boolean>;

export interface PageGuardDeps {
  readonly createContext: CreateContext;
  /** Whether whoever asks is shown the explorer's pages; without it, everybody is. */
  readonly mayExplore?: (context: RequestScope) => boolean;
}

/** To others it is as if there were no pages: credentials that are refused are told by whatever stands there instead. */
export function createPageGuard({ createContext, mayExplore }: PageGuardDeps): PageGuard {
  if (mayExplore === undefined) return async () => true;
  return async ({ id, headers, raw, ip }) => {
    try {
      const context = await createContext({ id, headers, rawHeaders: raw.rawHeaders, ip, extensions: undefined });
      context.dispose();
      return mayExplore(context);
    } catch {
      return false;
    }
  };
}

/** Adds the offline explorer, and sends a browser at `/` to the GraphQL path. The first visitor waits for the rendering. */
export function addPageRoutes(app: FastifyInstance, graphqlPath: string, isShown: PageGuard): void {
  let rendered: Promise<CompressedPage> | undefined;
  app.get('/', (_request, reply) => reply.redirect(graphqlPath));
  app.get(explorerPath, { compress: false }, async (request, reply) => {
    if (!(await isShown(request))) throw new ClientError('NOT_FOUND', 'There is nothing at this path.');
    rendered ??= renderExplorerPage(graphqlPath);
    const page = await rendered;
    reply.headers(page.headers);
    if (request.headers['if-none-match']?.includes(page.etag) === true) return reply.code(304).send();
    if (negotiateCoding(request.headers['accept-encoding'], ['gzip']) !== undefined) {
      return reply.header('content-encoding', 'gzip').send(page.gzipped);
    }
    return reply.send(await page.inflate());
  });
}
