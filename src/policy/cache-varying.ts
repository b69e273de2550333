/**
 * What answers depend on beside operation and variables: the headers of a request that rules hand on to subgraphs. In:
 * the rules. Out: what belongs into the key of an answer that is kept, and what `Vary` tells. Clock: per supergraph
 * (compile), per request (key). What no `Vary` can tell makes an answer its client's alone.
 */
import type { Config } from '../config';
import { splitPatterns } from '../config/headers';
import { headersWithoutSay } from '../context/create-request-context';
import { contextSource, type HeaderSources } from '../context/header-sources';
import { subgraphIdentityHeader } from '../context/subgraph-identity';

export interface AnswerVarying {
  /** The same text for requests whose headers have the same say in an answer. */
  keyOf(sources: HeaderSources): string;
  /** Whether a credential of the client goes on to subgraphs: then the answer is of whoever asks. */
  hasCredential(sources: HeaderSources): boolean;
  /** Names of headers (lower case) that the answer depends on, as `Vary` has them. */
  readonly vary: string;
  /** The same of an answer that is for whoever asks. */
  readonly privateVary: string;
  /** An answer depends on what no header tells, or may not be given to everybody who has none of them. */
  readonly isHidden: boolean;
}

/** Headers that tell who asks. */
const credentialHeaders = ['authorization', 'cookie'];

export function compileVarying({ headers, server, authentication }: Config): AnswerVarying {
  const rules = headers.requests;
  const { exact, prefixes } = splitPatterns(rules.flatMap((rule) => (rule.kind === 'propagate' ? rule.names : [])));
  const apiKeyHeader = authentication.apiKeys?.header;
  const credentials = apiKeyHeader === undefined ? credentialHeaders : [...credentialHeaders, apiKeyHeader];
  const hasFacts = rules.some(
    (rule) =>
      rule.kind === 'set' &&
      (rule.from.kind === 'claim' || (rule.from.kind === 'context' && rule.from.name !== 'requestId')),
  );
  // A browser is not shown the answer to a request of another page.
  const origin = server.cors.origins.length > 0 ? ['origin'] : [];
  const vary = [...new Set(['accept', ...origin, ...exact])];
  // The identity has a place of its own in the key, where it has a say.
  const ignored = new Set([...headersWithoutSay, subgraphIdentityHeader, contextSource('requestId')]);
  return {
    keyOf(sources) {
      let key = '';
      for (const name of Object.keys(sources)) {
        if (!ignored.has(name)) key += JSON.stringify([name, sources[name]]);
      }
      return key;
    },
    hasCredential: (sources) => credentials.some((name) => sources[name] !== undefined),
    vary: vary.join(', '),
    privateVary: [...new Set([...vary, ...credentials])].join(', '),
    // Nobody asks the gateway before a cache that others share answers: it would answer those who may not ask.
    isHidden: hasFacts || prefixes.length > 0 || authentication.required,
  };
}
