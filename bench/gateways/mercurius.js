/** Mercurius' gateway as its documentation starts it, with its JIT. It knows federation 1 alone: the SDL is put so. */
'use strict';

const { fastify } = require('fastify');
const gateway = require('@mercuriusjs/gateway');
const { readSubgraphs } = require('../graph/compose');

const owners = { User: 'accounts', Product: 'products', Review: 'reviews' };

/** Federation 2 SDL of this graph as federation 1: no imports, and a type that another subgraph owns is extended. */
function toFederation1(name, sdl) {
  return sdl
    .replace(/^extend schema .*$/m, '')
    .replaceAll(' @shareable', '')
    .replaceAll(/^type (Query|Mutation) /gm, 'extend type $1 ')
    .replaceAll(/^type (\w+) (@key.* \{\n {2}\w+: \w+!)/gm, (text, type, rest) =>
      owners[type] === name ? text : `extend type ${type} ${rest} @external`,
    );
}

const [port, ...urls] = process.argv.slice(2);
const services = readSubgraphs(Object.fromEntries(urls.map((each) => each.split('=')))).map(({ name, url, sdl }) => ({
  name,
  url,
  schema: toFederation1(name, sdl),
}));
const app = fastify();
app.register(gateway, { gateway: { services }, jit: 1 });
app.listen({ host: '127.0.0.1', port: Number(port) });
