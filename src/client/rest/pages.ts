/**
 * `/openapi.json` and Swagger UI at `/docs`, which loads nothing from outside. Clock: per start (the page), per
 * supergraph (the document). The only file that knows swagger-ui-dist.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { ClientError } from '../../errors';
import { pagePolicy } from '../security-headers';
import { createOpenApi, type OpenApiOptions } from './openapi';
import type { RestRoutes } from './routes';

export interface RestPagesOptions extends Omit<OpenApiOptions, 'schema' | 'limitsOf'> {
  readonly routes: () => RestRoutes;
  /** Undefined until a supergraph is served. */
  readonly graph: () => Pick<OpenApiOptions, 'schema' | 'limitsOf'> | undefined;
}

export const openApiPath = '/openapi.json';
export const docsPath = '/docs';

const files: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const start = `window.ui = SwaggerUIBundle({ url: '${openApiPath}', dom_id: '#swagger', deepLinking: true, validatorUrl: null });`;

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Supergate: REST</title>
<link rel="icon" type="image/png" href="${docsPath}/favicon-32x32.png">
<link rel="stylesheet" href="${docsPath}/swagger-ui.css">
</head>
<body>
<div id="swagger"></div>
<script src="${docsPath}/swagger-ui-bundle.js"></script>
<script src="${docsPath}/start.js"></script>
</body>
</html>
`;

/** Adds the routes to fastify, which has the security headers of everything else. */
export function addRestPages(app: FastifyInstance, options: RestPagesOptions): void {
  let last: { readonly routes: RestRoutes; readonly json: string } | undefined;
  app.get(openApiPath, (_request, reply) => {
    const routes = options.routes();
    if (last?.routes !== routes) {
      const graph = options.graph();
      if (!graph) throw new ClientError('SUPERGRAPH_NOT_READY', 'No supergraph is served yet.');
      last = { routes, json: JSON.stringify(createOpenApi(routes, { ...options, ...graph })) };
    }
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(last.json);
  });
  const policy = pagePolicy({
    'script-src': "'self'",
    // Swagger UI writes style attributes as it goes.
    'style-src': "'self' 'unsafe-inline'",
    'img-src': "'self' data:",
    'connect-src': "'self'",
  });
  app.get(docsPath, (_request, reply) =>
    reply.headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy }).send(page),
  );
  app.get(`${docsPath}/start.js`, (_request, reply) =>
    reply.header('content-type', 'text/javascript; charset=utf-8').send(start),
  );
  const directory = dirname(require.resolve('swagger-ui-dist/package.json'));
  for (const [name, type] of Object.entries(files)) {
    app.get(`${docsPath}/${name}`, async (_request, reply) =>
      reply
        .headers({ 'content-type': type, 'cache-control': 'public, max-age=3600' })
        .send(await readFile(join(directory, name))),
    );
  }
}
