import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createGateway } from '../../src/gateway';
import { silentLog } from '../../src/telemetry/log';

/** Real: composition and the planner thread. Observed: what the log is told when a supergraph is loaded. */
async function warningsOf(sdl: string): Promise<unknown[]> {
  const link =
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated", "@policy"])';
  const composed = composeServices([{ name: 'a', url: 'http://a.example', typeDefs: parse(`${link} ${sdl}`) }]);
  if (composed.errors) throw composed.errors[0];
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
  const gateway = createGateway({ supergraph: { sdl: composed.supergraphSdl } }, { log });
  await gateway.load();
  await gateway.stop();
  return warnings;
}

describe('a supergraph whose fields are protected by directives', () => {
  it('is loaded with a warning that nothing enforces them', async () => {
    const sdl = 'type Query { secret: Int @authenticated other: Int @policy(policies: [["p"]]) }';
    expect(await warningsOf(sdl)).toEqual([{ directives: ['@authenticated', '@policy'] }]);
  });

  it('is not meant when there are none', async () => {
    expect(await warningsOf('type Query { open: Int }')).toEqual([]);
  });
});
