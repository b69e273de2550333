/**
 * One instance of a subgraph, for a process of its own. In: its port in `argv` (0: a free one), and by IPC how it answers:
 * `{ delayMs, status }`. Out, by IPC: `{ port }` when it listens, and `{ requests }` when it is asked `count`.
 */
const { createServer } = require('node:http');

let answer = { delayMs: 2, status: 200 };
let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  const { delayMs, status } = answer;
  request.resume().on('end', () => {
    setTimeout(() => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(status === 200 ? '{"data":{"hello":"world"}}' : '{"message":"no"}');
    }, delayMs);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', (message) => {
  if (message === 'count') process.send({ requests });
  else {
    answer = { ...answer, ...message };
    process.send({ set: true });
  }
});
process.on('disconnect', () => process.exit());
