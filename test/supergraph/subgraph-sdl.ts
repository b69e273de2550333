/** Subgraph schemas for tests of composition and planning. */
import type { SubgraphSdl } from '../../src/supergraph/planner-thread';

const directives = ['@key', '@shareable', '@external', '@requires', '@inaccessible', '@override'];

/** A subgraph whose first line links the federation directives; what is given begins on line 2. */
export function subgraph(name: string, sdl: string): SubgraphSdl {
  const imports = directives.map((directive) => `"${directive}"`).join(', ');
  const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [${imports}])`;
  return { name, url: `http://${name}.example/graphql`, sdl: `${link}\n${sdl}` };
}

/** A graph of `size` subgraphs in which every entity refers to the next one's. */
export function chainOfSubgraphs(size: number): SubgraphSdl[] {
  return Array.from({ length: size }, (_, index) => {
    const fields = Array.from({ length: 3 }, (_field, field) => `f${index}x${field}: String`).join(' ');
    return subgraph(
      `s${index}`,
      `type Query { all${index}: [E${index}] }
       type E${index} @key(fields: "id") { id: ID! next: E${(index + 1) % size} ${fields} }
       type E${(index + 1) % size} @key(fields: "id") { id: ID! more${index}: Int }`,
    );
  });
}

/** Every field can be had from every subgraph, but each hop offers all of them again: plans without number. */
export function combinatorialSubgraphs(size: number, fields: number): SubgraphSdl[] {
  return Array.from({ length: size }, (_, index) => {
    const shared = Array.from({ length: fields }, (_field, field) => `f${field}: T @shareable`).join(' ');
    const root = index === 0 ? 'type Query { t: T }' : '';
    return subgraph(`c${index}`, `${root} type T @key(fields: "id") { id: ID! leaf${index}: Int ${shared} }`);
  });
}
