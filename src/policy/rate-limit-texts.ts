/**
 * The rate limits of REST routes in words, for their documents: what `rate-limits.ts` would charge a request to them.
 * In: a supergraph, the configuration, a route. Out: `"login" allows 5 in 900 s`. Clock: per supergraph.
 */
import type { DocumentNode, GraphQLSchema } from 'graphql';
import type { AnyRoute, RestRoute } from '../client/rest/routes';
import type { Config } from '../config';
import { findOperations } from '../operation/document';
import { readFieldOccurrences } from '../operation/facts';
import { finish } from '../slices';
import { readRateLimits } from './rate-limit-declarations';
import { planRateLimits, planRouteLimits } from './rate-limit-plan';
import { createRateLimitRules, type RateLimitRule, type RateLimitRules } from './rate-limit-rules';

/** Tells of each limit once, whatever tier of its own a caller has. */
export function describeRateLimits(
  supergraph: DocumentNode,
  schema: GraphQLSchema,
  { rateLimits, cost: { mode, budget } }: Pick<Config, 'rateLimits' | 'cost'>,
): (route: AnyRoute) => readonly string[] {
  const { declarations } = readRateLimits(supergraph, Object.keys(rateLimits.tiers));
  const rules = createRateLimitRules(declarations, rateLimits, mode === 'enforce' ? budget : undefined);
  if (!rules) return () => [];
  return (route) => [...new Set(rulesOf(route, rules, schema).map(toText))];
}

function rulesOf(route: AnyRoute, rules: RateLimitRules, schema: GraphQLSchema): readonly RateLimitRule[] {
  const plan = route.kind === 'proxy' ? planRouteLimits(rules, route.name) : planOf(route, rules, schema);
  return plan ? [...plan.operationRules, ...plan.units.flatMap((unit) => unit.rules)] : [];
}

function planOf({ document, operationName, name }: RestRoute, rules: RateLimitRules, schema: GraphQLSchema) {
  const [operation] = findOperations(document);
  if (!operation) return undefined;
  const occurrences = finish(readFieldOccurrences(operation, schema));
  return planRateLimits({ ...operation, name: operationName }, occurrences, rules, schema, name);
}

function toText({ name, counts, allowance: { quota } }: RateLimitRule): string {
  const what = counts === 'cost' ? `a cost of ${quota.max}` : quota.max;
  return `"${name}" allows ${what} in ${quota.windowMs / 1_000} s`;
}
