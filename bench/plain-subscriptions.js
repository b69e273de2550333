/**
 * `node plain-subscriptions.js URL-OF-LABELS [shared]`
 * What `subscriptions.js` compares with: graphql-ws over a plain graphql-js schema, as its documentation shows it. Each
 * subscriber has an iterator and an execution of its own for each event, and each execution asks for the label; with
 * `shared`, all executions of one event share one request. Events come on standard input, one on each line.
 */
'use strict';

const { Agent, createServer, request } = require('node:http');
const { createInterface } = require('node:readline');
// The versions that the gateway has.
const { GraphQLID, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } = require('graphql');
const { useServer } = require('graphql-ws/use/ws');
const { WebSocketServer } = require('ws');

const [labelsUrl, sharing] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 100 });
const iterators = new Set();
const labels = new Map();

function fetchLabel(id) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ variables: { r: [{ __typename: 'Tick', id }] } });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const asked = request(labelsUrl, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      answer.on('end', () => resolve(JSON.parse(text).data._entities[0].label));
    });
    asked.on('error', reject).end(body);
  });
}

function labelOf(id) {
  if (sharing !== 'shared') return fetchLabel(id);
  let label = labels.get(id);
  if (!label) {
    label = fetchLabel(id);
    labels.set(id, label);
  }
  return label;
}

function listen() {
  const waiting = [];
  const events = [];
  const iterator = {
    push(event) {
      const next = waiting.shift();
      if (next) next({ done: false, value: event });
      else events.push(event);
    },
    next: () =>
      events.length > 0
        ? Promise.resolve({ done: false, value: events.shift() })
        : new Promise((resolve) => waiting.push(resolve)),
    return() {
      iterators.delete(iterator);
      for (const next of waiting.splice(0)) next({ done: true, value: undefined });
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  iterators.add(iterator);
  return iterator;
}

const Tick = new GraphQLObjectType({
  name: 'Tick',
  fields: {
    id: { type: new GraphQLNonNull(GraphQLID) },
    text: { type: GraphQLString },
    label: { type: GraphQLString, resolve: ({ id }) => labelOf(id) },
  },
});
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { now: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: { tick: { type: Tick, subscribe: listen, resolve: (event) => event } },
  }),
});

const server = createServer();
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
server.listen(0, '127.0.0.1', () => process.stdout.write(`ready at ${server.address().port}\n`));
createInterface({ input: process.stdin }).on('line', (line) => {
  const event = JSON.parse(line);
  labels.clear();
  for (const iterator of iterators) iterator.push(event);
});
