/**
 * The `authorization` section: what becomes of fields that a client may not read, and policies made of claims.
 */
import { z } from 'zod';
import { list, milliseconds, text } from './values';

/** Who may do something, where a yes or no for everybody is not enough. */
export const audienceSchema = z
  .strictObject({
    roles: list(text()).describe('Any of these roles will do.'),
    scopes: list(text()).describe('All of these scopes are needed besides.'),
  })
  .refine(({ roles, scopes }) => roles.length + scopes.length > 0, { error: 'name a role or a scope' });

const comparisons = ['equals', 'includes', 'anyOf'] as const;
const scalar = z.union([text(), z.number(), z.boolean()]);

const claimPolicySchema = z
  .strictObject({
    claim: text().describe('The claim of the token, or the path of claims, that decides.'),
    equals: scalar.optional().describe('It is this value. Give exactly one of `equals`, `includes`, `anyOf`.'),
    includes: scalar.optional().describe('It is a list with this value.'),
    anyOf: z.array(scalar).min(1).optional().describe('It is one of these values, or a list with one of them.'),
  })
  .refine((policy) => comparisons.filter((name) => policy[name] !== undefined).length === 1, {
    error: `give exactly one of ${comparisons.join(', ')}`,
  });

export const authorizationSchema = z
  .strictObject({
    mode: z
      .enum(['filter', 'reject'])
      .default('filter')
      .describe('What a client may not read comes back null, or the whole operation is refused with 403.'),
    dryRun: z.boolean().default(false).describe('Refuse nothing: log, count and report in `extensions` alone.'),
    policyTimeoutMs: milliseconds()
      .default(1_000)
      .describe('Time for the functions behind `@policy`; then they refuse.'),
    policies: z
      .record(text(), claimPolicySchema)
      .superRefine((policies, check) => {
        for (const name of Object.keys(policies).filter((name) => name.startsWith('role:'))) {
          check.addIssue({ code: 'custom', message: '"role:" names are built in: choose another', path: [name] });
        }
      })
      .default({})
      .describe('Policies for `@policy` that a claim decides.'),
  })
  .prefault({});
