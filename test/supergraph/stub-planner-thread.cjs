// Speaks the messages of the planner thread and knows nothing of GraphQL: the document says what it does.
const { parentPort, threadId, workerData } = require('node:worker_threads');

const open = new Set();
const signal = new Int32Array(workerData);

function answer(request, id) {
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
      return plan(request, id);
  }
}

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function plan({ generationId, document }, id) {
  if (document.startsWith('never heed')) for (;;);
  if (document.startsWith('never end')) while (Atomics.load(signal, 0) !== id);
  if (document.startsWith('never end')) return undefined;
  if (document === 'crash') process.exit(1);
  if (document === 'take a while') sleep(100);
  if (document === 'take long') sleep(400);
  if (document === 'too large') return { kind: 'not-planned', code: 'QUERY_PLAN_TOO_LARGE', message: 'too large' };
  if (!open.has(generationId)) return { kind: 'not-planned', code: 'GENERATION_NOT_OPEN', message: 'not open' };
  return { kind: 'planned', plan: JSON.stringify({ kind: 'QueryPlan', document, threadId }) };
}

parentPort.on('message', ({ id, request }) => {
  const response = answer(request, id);
  parentPort.postMessage(response ? { kind: 'answer', id, response } : { kind: 'stopped', id });
});
parentPort.postMessage({ kind: 'ready' });
