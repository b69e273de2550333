/**
 * Which policies meet an operation, for people: what fields require, which limits count it, what it is estimated to
 * cost. In: a supergraph, configuration and an operation. Out: plain data. Clock: per command; nothing is decided here.
 */
import { isObjectType } from 'graphql';
import type { Config } from '../config';
import type { Operation } from '../operation/document';
import { finish } from '../slices';
import type { PolicySubject } from './admission';
import { readAuthorizationTable } from './authorization-table';
import { readCosts } from './cost-declarations';
import { evaluate, FieldCosts } from './cost-parts';
import { compileCost } from './cost-plan';
import { readRateLimits } from './rate-limit-declarations';
import { planRateLimits } from './rate-limit-plan';
import { createRateLimitRules, type RateLimitRule } from './rate-limit-rules';
import type { Clause } from './requirements';

export interface PolicyReport {
  readonly cost: {
    readonly estimated: number;
    /** Other values of its variables would cost another sum. */
    readonly dependsOnVariables: boolean;
  };
  /** `User.email: authenticated`; a field of an interface as its objects require it. */
  readonly authorization: readonly string[];
  /** `Mutation.login: 5 in 900 s by identity`. */
  readonly rateLimits: readonly string[];
}

/** What `config` and the declarations of a supergraph ask of its operations. */
export function createPolicyReports(
  subject: PolicySubject,
  config: Pick<Config, 'rateLimits' | 'cost'>,
): (operation: Operation) => PolicyReport {
  const { supergraph, apiSchema, facts } = subject;
  const costs = new FieldCosts({
    declarations: readCosts(supergraph),
    schema: apiSchema,
    defaultListSize: config.cost.defaultListSize,
    enforces: false,
  });
  const { fields } = readAuthorizationTable(supergraph);
  const { declarations } = readRateLimits(supergraph, undefined);
  const rules = createRateLimitRules(declarations, config.rateLimits, config.cost.budget);
  const unknownTiers = new Set(
    declarations.flatMap(({ tier }) => (tier && !Object.hasOwn(config.rateLimits.tiers, tier) ? [tier] : [])),
  );
  return (operation) => {
    const occurrences = facts.of(operation);
    const { estimate } = finish(compileCost(operation.type, occurrences, costs));
    const plan = rules && planRateLimits(operation, occurrences, rules, apiSchema, undefined);
    const met = new Set([...(plan?.operationRules ?? []), ...(plan?.units ?? []).flatMap((unit) => unit.rules)]);
    const required = occurrences.flatMap(({ parentType, field }) => {
      const types = isObjectType(parentType) ? [parentType] : apiSchema.getPossibleTypes(parentType);
      return types.flatMap(({ name }) => {
        const requirement = fields.get(name)?.get(field.name) ?? [];
        return requirement.length > 0
          ? [`${name}.${field.name}: ${requirement.map(describeClause).join(' and ')}`]
          : [];
      });
    });
    const variables = variablesOf(operation);
    return {
      cost: {
        estimated: evaluate(estimate, { variables, known: new Map() }),
        dependsOnVariables: typeof estimate !== 'number',
      },
      authorization: [...new Set(required)],
      rateLimits: [...met].map((rule) => describeRule(rule, unknownTiers)),
    };
  };
}

/** What is known without a request: conditions count as true. */
function variablesOf({ conditionVariables }: Operation): Readonly<Record<string, unknown>> {
  return Object.fromEntries(conditionVariables.map((name) => [name, true]));
}

function describeClause(clause: Clause): string {
  if (clause.kind === 'authenticated') return 'authenticated';
  const ways = clause.anyOf.map((all) => all.join(' and '));
  return `${clause.kind} ${ways.join(', or ')}`;
}

function describeRule(rule: RateLimitRule, unknownTiers: ReadonlySet<string>): string {
  const { name, by, counts, allowance } = rule;
  if (unknownTiers.has(name)) return `${name}: a tier that the configuration must have`;
  const { max, windowMs } = allowance.quota;
  return `${name}: ${counts === 'cost' ? 'cost ' : ''}${max} in ${windowMs / 1_000} s by ${by}`;
}
