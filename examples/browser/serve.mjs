/**
 * Serves `index.html` and the client of graphql-ws, and hands `/graphql` on to the gateway: to the browser all of it is
 * one origin. `npm start` in one terminal, `node examples/browser/serve.mjs` in another.
 */
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';

const gateway = new URL(process.env.GATEWAY_URL ?? 'http://127.0.0.1:4000/graphql');
const client = join(dirname(createRequire(import.meta.url).resolve('graphql-ws/package.json')), 'umd/graphql-ws.js');
const files = {
  '/': ['text/html', new URL('index.html', import.meta.url)],
  '/graphql-ws.js': ['text/javascript', client],
};

const server = createServer((incoming, response) => {
  const file = files[incoming.url];
  if (file) {
    response.writeHead(200, { 'content-type': `${file[0]}; charset=utf-8` }).end(readFileSync(file[1]));
  } else if (incoming.url === '/graphql') {
    const { method, headers } = incoming;
    const asked = request(gateway, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    asked.on('error', () => response.writeHead(502).end());
    incoming.pipe(asked);
  } else response.writeHead(404).end();
});

server.on('upgrade', ({ rawHeaders }, socket, head) => {
  const upstream = connect(Number(gateway.port || 80), gateway.hostname, () => {
    const lines = [`GET ${gateway.pathname} HTTP/1.1`];
    for (let index = 0; index < rawHeaders.length; index += 2)
      lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
    upstream.write(`${lines.join('\r\n')}\r\n\r\n`);
    upstream.write(head);
    socket.pipe(upstream).pipe(socket);
  });
  for (const side of [socket, upstream]) {
    side.on('error', () => {});
    side.on('close', () => {
      socket.destroy();
      upstream.destroy();
    });
  }
});

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`open http://127.0.0.1:${server.address().port}`);
});
