// Speaks the messages of the planner thread and knows nothing of GraphQL: the document says what it does.
const { parentPort, threadId } = require('node:worker_threads');

const open = new Set();

function answer(request) {
  switch (request.kind) {
    case 'compose':
      return { kind: 'composed', supergraphSdl: `thread ${threadId}`, hints: [] };
    case 'open':
      open.add(request.generationId);
      return { kind: 'opened', apiSchemaSdl: request.supergraphSdl, subgraphs: [] };
    case 'close':
      open.delete(request.generationId);
      return { kind: 'closed' };
    default:
      return plan(request);
  }
}

function plan({ generationId, document }) {
  if (document === 'never end') for (;;);
  if (document === 'crash') process.exit(1);
  if (document === 'take a while') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  if (!open.has(generationId)) return { kind: 'not-planned', code: 'GENERATION_NOT_OPEN', message: 'not open' };
  return { kind: 'planned', plan: JSON.stringify({ kind: 'QueryPlan', document, threadId }) };
}

parentPort.on('message', ({ id, request }) =>
  parentPort.postMessage({ kind: 'answer', id, response: answer(request) }),
);
parentPort.postMessage({ kind: 'ready' });
