/** The supergraph of the benchmark: one SDL for every gateway that takes a composed one. */
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

/** `{ name, url, file, sdl }` of each subgraph that listens. */
function readSubgraphs(urls) {
  return Object.entries(urls).map(([name, url]) => {
    const file = join(__dirname, `${name}.graphql`);
    return { name, url, file, sdl: readFileSync(file, 'utf8') };
  });
}

function composeSupergraph(subgraphs) {
  const { composeServices } = require('@apollo/composition');
  const { parse } = require('graphql');
  const composed = composeServices(subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
  if (composed.errors) throw new Error(`the benchmark's graph does not compose: ${composed.errors.join('; ')}`);
  return composed.supergraphSdl;
}

/** The same subgraphs, protected as a graph would be: a root field needs a token, a field below it a scope. */
function protectSubgraphs(subgraphs) {
  return subgraphs.map((subgraph) => (subgraph.name === 'accounts' ? protect(subgraph) : subgraph));
}

function protect({ sdl, ...subgraph }) {
  const protectedSdl = sdl
    .replace('v2.3", import: [', 'v2.5", import: ["@authenticated", "@requiresScopes", ')
    .replace('user(id: ID!): User', '$& @authenticated')
    .replace('name: String', '$& @requiresScopes(scopes: [["read"]])');
  return { ...subgraph, sdl: protectedSdl };
}

module.exports = { composeSupergraph, protectSubgraphs, readSubgraphs };
