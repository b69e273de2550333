/**
 * The endpoints at which instances of subgraphs register themselves, at the admin door. In: the registry that the routes
 * write to, declared here. Out: routes. Clock: per registration. What is wrong is told as a problem document (RFC 9457).
 */
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { httpUrl } from '../config/values';
import { checkValue, formatProblem } from '../config/yaml-file';
import type { AdminAnswer, AdminRoute } from './admin';

export interface InstanceRegistry {
  register(subgraph: string, registration: InstanceRegistration): RegistrationOutcome;
  /** False when there is no such instance. */
  deregister(subgraph: string, id: string): boolean;
  list(): ReadonlyMap<string, readonly (InstanceRegistration & { readonly expiresInMs: number })[]>;
}

export interface InstanceRegistration {
  readonly id: string;
  readonly url: string;
  readonly weight: number;
  readonly zone?: string | undefined;
}

export type RegistrationOutcome =
  | { readonly kind: 'registered'; readonly isNew: boolean; readonly ttlMs: number }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'full'; readonly maximum: number };

const name = () => z.string().regex(/^[\w.:-]{1,200}$/, { error: 'expected up to 200 letters, digits and . : _ -' });

const schema = z.strictObject({
  subgraph: name(),
  id: name(),
  url: httpUrl().refine((text) => !URL.canParse(text) || new URL(text).username === '', {
    error: 'credentials do not belong into a URL',
  }),
  weight: z.number().positive().max(1_000).default(1),
  zone: name().optional(),
});

/** `PUT` registers and is the heartbeat, too: whoever repeats it in time stays. `registry` is asked at each request. */
export function createRegistrationRoutes(registry: () => InstanceRegistry | undefined): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/registrations',
      summary: 'The instances that registered themselves, by subgraph, and for how long that holds.',
      handle: () => ({ json: Object.fromEntries(registry()?.list() ?? []) }),
    },
    {
      method: 'PUT',
      path: '/registrations',
      summary:
        'Registers an instance, or renews that before it expires: {"subgraph", "id", "url", "weight", "zone"}; the last two may be left out.',
      isForInstances: true,
      handle: ({ body }) => register(registry(), body),
    },
    {
      method: 'DELETE',
      path: '/registrations',
      summary: 'Takes an instance back at once: ?subgraph=…&id=….',
      isForInstances: true,
      handle({ query }) {
        const subgraph = query.get('subgraph');
        const id = query.get('id');
        if (subgraph === null || id === null) return problem(400, 'Give ?subgraph=…&id=….');
        if (registry()?.deregister(subgraph, id)) return { json: { subgraph, id } };
        return problem(404, `No instance "${id}" of "${subgraph}" is registered.`);
      },
    },
  ];
}

function register(registry: InstanceRegistry | undefined, body: unknown): AdminAnswer {
  const origin = { locate: () => ({ file: 'body' }), isText: () => false };
  const checked = checkValue(schema, body ?? {}, origin);
  if (checked.kind === 'problems') return problem(400, checked.problems.map(formatProblem).join('; '));
  const { subgraph, ...registration } = checked.value;
  const outcome = registry?.register(subgraph, registration) ?? { kind: 'unknown' };
  switch (outcome.kind) {
    case 'registered':
      return {
        status: outcome.isNew ? 201 : 200,
        json: { subgraph, id: registration.id, expiresInMs: outcome.ttlMs },
      };
    case 'unknown':
      return problem(404, `No subgraph "${subgraph}" has \`discovery.kind: registration\` here.`);
    case 'full':
      return problem(409, `"${subgraph}" has ${outcome.maximum} instances already.`);
  }
}

function problem(status: number, detail: string): AdminAnswer {
  const text = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail });
  return { status, contentType: 'application/problem+json; charset=utf-8', text: `${text}\n` };
}
