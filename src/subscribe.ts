/**
 * The way of a subscription, in code: prepare -> plan, then for each event: join. Every door that serves events comes
 * this way. In: what a client asks, and the generation that serves. Out: the same as one topic can run it.
 * Clock: per subscription (plan), per event (join).
 */
import { type ExecutionResult, GraphQLError } from 'graphql';
import type { RefusedOperation } from './client/door';
import { formatErrors } from './client/error-format';
import { stringifyResult } from './client/graphql-response';
import type { RequestContext } from './context/request-context';
import type { SubscriptionContexts } from './context/subscription-contexts';
import { ClientError, InternalError } from './errors';
import { queryPlanOf, traceOf } from './explain';
import type { Refused } from './operation/document';
import { checkVariables } from './operation/variables';
import {
  type Admitted,
  admit,
  admitAgain,
  describe,
  maskedError,
  notReady,
  type PreparedRequest,
  prepareSource,
  reasonsOf,
  textOfExclusions,
} from './pipeline';
import type { Completed } from './query-plan/complete';
import { primaryFetchOf } from './query-plan/engine';
import type { EventVerdict } from './query-plan/event-gate';
import type { Gap } from './query-plan/event-queue';
import { type CompiledFetch, rootBody } from './query-plan/fetch';
import {
  LiveSubscriptions,
  type PlanningOccasion,
  type SubscriptionObserver,
  type SubscriptionRequest,
} from './query-plan/live-subscriptions';
import type { SubgraphEvents, SubgraphResponse, SubgraphSource } from './query-plan/subgraph-call';
import type { PlannedSubscription } from './query-plan/topic';
import type { Generation } from './supergraph/generation';
import { Trail } from './telemetry/trail';

export interface SubscriptionsOptions {
  /** The generation that serves. */
  readonly current: () => Generation | undefined;
  readonly contexts: SubscriptionContexts;
  readonly observer: SubscriptionObserver | undefined;
  /** Whether each event is admitted like an operation of its own. */
  readonly admitEvents: boolean;
  /** Returns what cancels it. */
  readonly schedule: (callback: () => void, delayMs: number) => () => void;
}

/** Events of one topic that are joined at a time, and that wait for it; how long a new source may take, and both are open. */
const topicLimits = { maxJoiningEvents: 8, maxWaitingEvents: 256, establishMs: 5_000, overlapMs: 1_000 };

/** All subscriptions of one gateway. */
export function openSubscriptions(options: SubscriptionsOptions): LiveSubscriptions {
  const { current, observer, schedule } = options;
  return new LiveSubscriptions({
    plan: (request, context, occasion) => planSubscription(current(), request, context, occasion, options),
    topics: { ...topicLimits, schedule },
    observer,
  });
}

/** Validates, admits and plans a subscription under `generation` for who asks. Never rejects. */
export async function planSubscription(
  generation: Generation | undefined,
  request: SubscriptionRequest,
  context: RequestContext,
  occasion: PlanningOccasion,
  options: Pick<SubscriptionsOptions, 'contexts' | 'admitEvents'>,
): Promise<PlannedSubscription | RefusedOperation> {
  if (!generation || generation.isClosed) return refusal(notReady());
  await generation.readAhead(request.source);
  const prepared = prepareSource(generation, request.source, request.operationName);
  if (prepared.kind === 'refused') return prepared;
  generation.acquire();
  try {
    const { operation, target } = prepared;
    if (operation !== 'subscription') throw new InternalError(`a ${operation} cannot be subscribed to`);
    const variables = checkVariables(generation.apiSchema, target, request.variables);
    if (variables.kind === 'refused') return variables;
    const { policies } = generation;
    const asked = policies && occasion === 'again' ? { authorize: policies.authorize } : policies;
    const admitted = await admit(prepared, variables, context, asked);
    if (admitted.kind === 'refused') return admitted;
    const primary = primaryFetchOf(admitted.executable);
    if (!primary) return { kind: 'refused', errors: nothingLeft(admitted) };
    const explainedFor = context.trail?.isExplained ? context.id : undefined;
    const scope = options.contexts.scopeOf(context);
    return new PlannedOperation(prepared, request, admitted, primary, { ...options, scope, explainedFor });
  } catch (error) {
    if (error instanceof ClientError) return refusal(error);
    context.log.error({ error: describe(error) }, 'A subscription could not be planned for a reason that is ours');
    return { kind: 'refused', errors: [maskedError(context.id)] };
  } finally {
    generation.release();
  }
}

interface PlannedOptions extends Pick<SubscriptionsOptions, 'contexts' | 'admitEvents'> {
  readonly scope: string;
  /** The request that is told how each event was joined: it shares them with nobody. */
  readonly explainedFor: string | undefined;
}

/** A subscription under the generation that admitted it. */
class PlannedOperation implements PlannedSubscription {
  readonly kind = 'planned';
  readonly topic: string;
  readonly subgraph: string;
  private readonly subgraphSource: SubgraphSource;

  private readonly generation: Generation;
  private readonly contexts: SubscriptionContexts;
  readonly admitEvent: PlannedSubscription['admitEvent'];
  readonly isExplained: boolean;

  constructor(
    prepared: PreparedRequest,
    request: SubscriptionRequest,
    private readonly admitted: Admitted,
    primary: CompiledFetch,
    { contexts, admitEvents, scope, explainedFor }: PlannedOptions,
  ) {
    const { generation } = prepared;
    this.generation = generation;
    this.contexts = contexts;
    if (admitEvents && generation.policies) this.admitEvent = (whoAsks) => this.admitNext(prepared, whoAsks);
    const { source, operationName, variables } = request;
    const exclusions = textOfExclusions(admitted.exclusions);
    this.isExplained = explainedFor !== undefined;
    this.topic = JSON.stringify([scope, exclusions, operationName, variables, source, explainedFor]);
    this.subgraph = primary.subgraph;
    const body = rootBody(primary, variables);
    this.subgraphSource = generation.transport.findSource({ subgraph: primary.subgraph, body, scope });
  }

  get extensions(): PlannedSubscription['extensions'] {
    const { extensions, executable } = this.admitted;
    return this.isExplained ? { ...extensions, queryPlan: queryPlanOf(executable) } : extensions;
  }

  get source(): string {
    return this.subgraphSource.key;
  }

  open(whoAsks: () => RequestContext, isPatient: boolean, events: SubgraphEvents): () => void {
    const headers = () => {
      const { subgraphHeaders, dispose } = this.contexts.reopen(whoAsks());
      dispose();
      return subgraphHeaders;
    };
    return this.subgraphSource.open({ headers, isPatient }, events);
  }

  async join(event: SubgraphResponse, whoAsks: RequestContext, gap: Gap | undefined): Promise<string> {
    const trail = this.isExplained ? new Trail(true) : undefined;
    const context = this.contexts.reopen(whoAsks, trail);
    const extensionsOf = (result: ExecutionResult) => {
      const told = { ...(gap && { gap: { reason: gap } }), ...(trail && { trace: traceOf(result, trail) }) };
      return gap || trail ? { extensions: told } : {};
    };
    try {
      const answer = await this.answer(event, context);
      if (typeof answer === 'string') {
        const { extensions } = extensionsOf({});
        return `{"data":${answer}${extensions ? `,"extensions":${JSON.stringify(extensions)}` : ''}}`;
      }
      const errors = answer.errors.length > 0 ? formatErrors(answer.errors, context) : undefined;
      return stringifyResult({ ...(errors && { errors }), data: answer.data, ...extensionsOf(answer) });
    } catch (error) {
      context.log.error({ error: describe(error) }, 'An event could not be joined for a reason that is ours');
      const errors = formatErrors([maskedError(context.id)], context);
      return stringifyResult({ errors, data: null, ...extensionsOf({ data: null }) });
    } finally {
      context.dispose();
    }
  }

  private async admitNext(prepared: PreparedRequest, whoAsks: RequestContext): Promise<EventVerdict> {
    // Another generation serves, and plans it again already.
    if (this.generation.isClosed) return 'changed';
    const context = this.contexts.reopen(whoAsks);
    try {
      return await admitAgain(prepared, this.admitted, context);
    } catch (error) {
      context.log.error({ error: describe(error) }, 'An event could not be admitted for a reason that is ours');
      return 'limited';
    } finally {
      context.dispose();
    }
  }

  private async answer(event: SubgraphResponse, context: RequestContext): Promise<string | Completed> {
    const { generation, admitted } = this;
    const { executable, variables } = admitted;
    const { engine, transport } = generation;
    generation.acquire();
    try {
      // What is explained is completed value by value, for each null to be met.
      const asked = this.isExplained ? { ...executable, write: undefined } : executable;
      return await engine.executeToText(asked, variables, context, transport.call, reasonsOf(admitted), event);
    } finally {
      generation.release();
    }
  }
}

/** Nothing is left of the subscription that could send events. */
function nothingLeft({ exclusions }: Admitted): readonly GraphQLError[] {
  if (exclusions) return exclusions.reasons.map(({ message, extensions }) => new GraphQLError(message, { extensions }));
  return [new ClientError('BAD_USER_INPUT', 'With these variables the subscription selects no field.')];
}

function refusal(error: ClientError): Refused {
  return { kind: 'refused', errors: [error] };
}
