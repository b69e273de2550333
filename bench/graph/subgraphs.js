/**
 * The process of the four subgraphs. Tells its parent the URLs when it listens; answers `{ count: true }` with how
 * many requests it has had. Every subgraph shares one executor: gateways ask each for its own fields alone.
 * Beside them it takes the spans of a gateway that traces (OTLP), and throws them away.
 */
'use strict';

const { createServer } = require('node:http');
const { createAnswerer } = require('./subgraph-executor');

const subgraphNames = ['accounts', 'inventory', 'products', 'reviews'];
let requestCount = 0;

function listen() {
  const answer = createAnswerer();
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 });
        response.end('{}');
        return;
      }
      requestCount += 1;
      const body = Buffer.concat(chunks).toString('utf8');
      const text = Buffer.from(answer(body));
      if (process.env.BENCH_TRACE) process.stderr.write(`${body.slice(0, 600)}\n`);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
      response.end(text);
    });
  });
  // Contenders are stopped while others are measured: their connections must be there when they go on.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}/graphql`));
  });
}

async function main() {
  const urls = {};
  for (const name of subgraphNames) urls[name] = await listen();
  process.on('message', () => process.send({ count: requestCount }));
  process.on('disconnect', () => process.exit(0));
  process.send({ urls });
}

main();
