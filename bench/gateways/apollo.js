/** The stock gateway as its documentation starts it: `ApolloServer` around `ApolloGateway`, standalone. */
'use strict';

process.env.APOLLO_TELEMETRY_DISABLED = 'true';

const { readFileSync } = require('node:fs');
const { ApolloGateway } = require('@apollo/gateway');
const { ApolloServer } = require('@apollo/server');
const { startStandaloneServer } = require('@apollo/server/standalone');

const [supergraphFile, port] = process.argv.slice(2);
const gateway = new ApolloGateway({ supergraphSdl: readFileSync(supergraphFile, 'utf8') });
const server = new ApolloServer({ gateway });
startStandaloneServer(server, { listen: { host: '127.0.0.1', port: Number(port) } });
