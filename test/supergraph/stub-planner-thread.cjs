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

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function plan({ generationId, document }) {
  if (document.startsWith('never end')) for (;;);
  if (document === 'crash') process.exit(1);
  if (document === 'take a while') sleep(100);
  if (document === 'take long') sleep(400);
  if (document === 'too large') return { kind: 'not-planned', code: 'QUERY_PLAN_TOO_LARGE', message: 'too large' };
  if (!open.has(generationId)) return { kind: 'not-planned', code: 'GENERATION_NOT_OPEN', message: 'not open' };
  return { kind: 'planned', plan: JSON.stringify({ kind: 'QueryPlan', document, threadId }) };
}

parentPort.on('message', ({ id, request }) =>
  parentPort.postMessage({ kind: 'answer', id, response: answer(request) }),
);
parentPort.postMessage({ kind: 'ready' });
