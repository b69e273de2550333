/**
 * What operations would cost on a supergraph, without running one: their plans, fetches and waves, or why they are refused.
 * In: supergraph SDL and documents. Out: reports, and what changes from one supergraph to another. Clock: per command.
 */
import type { PlanNode, QueryPlan, SubscriptionNode } from '@apollo/query-planner';
import { GraphQLError, parse, print } from 'graphql';
import { type Config, ConfigError } from '../config';
import type { Environment } from '../config/yaml-file';
import { InternalError } from '../errors';
import type { DocumentOptions, Operation } from '../operation/document';
import type { PolicySubject } from '../policy/admission';
import { createPolicyReports, type PolicyReport } from '../policy/policy-report';
import { CompositionError, composeSupergraph } from './composition';
import { Generation } from './generation';
import { type PlannerHandle, PlannerThread, type PlannerThreadOptions } from './planner-client';
import { readSupergraphSource } from './sources';

export interface OperationReport {
  /** Undefined for an anonymous operation, and for a document that has none. */
  readonly name: string | undefined;
  readonly outcome: PlannedOperation | { readonly kind: 'refused'; readonly errors: readonly string[] };
}

export interface PlannedOperation extends PolicyReport {
  readonly kind: 'planned';
  readonly operation: Operation['type'];
  /** Requests to subgraphs, when every entity fetch sends one. */
  readonly fetches: number;
  /** How many of them wait for one another at most. */
  readonly waves: number;
  /** In the order of the plan. */
  readonly subgraphs: readonly string[];
  /** For people: a line for each step, with what is asked. */
  readonly plan: string;
}

export interface ReportOptions {
  /** For `${env.NAME}` in a `supergraph.yaml`. */
  readonly env: Environment;
  readonly planner: PlannerThreadOptions;
  readonly documents: DocumentOptions;
  readonly policies: Pick<Config, 'rateLimits' | 'cost'>;
}

/** A planner thread that remembers the plans it gave, in order. */
class RecordingPlanner extends PlannerThread {
  readonly plans: QueryPlan[] = [];

  override async open(sdl: string): Promise<PlannerHandle> {
    const handle = await super.open(sdl);
    const plan: PlannerHandle['plan'] = async (document, overrideLabels) => {
      const planned = await handle.plan(document, overrideLabels);
      this.plans.push(planned);
      return planned;
    };
    return { ...handle, plan };
  }
}

/** A supergraph that is open for reports. */
export class OperationReporter {
  private constructor(
    private readonly planner: RecordingPlanner,
    private readonly generation: Generation,
    private readonly policiesOf: (operation: Operation) => PolicyReport,
  ) {}

  /**
   * Opens a `supergraph.yaml` or a composed supergraph.
   * Rejects with `ConfigError`, `CompositionError` or `InvalidSupergraphError`.
   */
  static async open(file: string, options: ReportOptions): Promise<OperationReporter> {
    const planner = new RecordingPlanner(options.planner);
    try {
      const read = await readSupergraphSource(file, { env: options.env });
      if (read.kind === 'problems') throw new ConfigError(read.problems);
      const composition = await composeSupergraph(read.source, planner);
      if (composition.kind === 'failed') throw new CompositionError(file, composition.errors);
      let subject: PolicySubject | undefined;
      const generation = await Generation.open(composition.supergraphSdl, {
        planner,
        engineLimits: { maxErrors: 1, planCacheMaxBytes: 1_000_000 },
        documentOptions: options.documents,
        documentCacheMaxBytes: 1_000_000,
        sharedQueries: undefined,
        sharedPlans: undefined,
        // Nothing is decided here: they are only told.
        createCaching: () => undefined,
        createPolicies: (made) => {
          subject = made;
          return undefined;
        },
        overrides: {},
        createTransport: () => ({
          call: () => Promise.reject(new Error('nothing is asked of subgraphs')),
          findSource: () => {
            throw new Error('no subgraph is subscribed to');
          },
          close: async () => {},
          destroy: async () => {},
        }),
      });
      if (!subject) throw new InternalError('a generation was opened without its policies');
      return new OperationReporter(planner, generation, createPolicyReports(subject, options.policies));
    } catch (error) {
      await planner.close();
      throw error;
    }
  }

  /** One report for each operation of the document, or one for a document that is refused. */
  async report(source: string): Promise<readonly OperationReport[]> {
    const document = this.generation.readDocument(source);
    if (document.kind === 'refused') return [refused(undefined, document.errors)];
    const reports: OperationReport[] = [];
    for (const operation of document.operations) reports.push(await this.reportOn(operation));
    return reports;
  }

  private async reportOn(operation: Operation): Promise<OperationReport> {
    this.planner.plans.length = 0;
    // With every condition true: what `@skip` leaves out then is planned when it is asked.
    const conditions = 't'.repeat(operation.conditionVariables.length);
    try {
      await this.generation.engine.prepare(operation, { conditions });
    } catch (error) {
      return refused(operation.name, [error]);
    }
    const outcome = describe(operation, [...this.planner.plans], this.policiesOf(operation));
    return { name: operation.name, outcome };
  }

  async close(): Promise<void> {
    await this.generation.retire(0);
    await this.planner.close();
  }
}

function refused(name: string | undefined, errors: readonly unknown[]): OperationReport {
  const texts = errors.map((error) => {
    if (!(error instanceof GraphQLError)) return String(error);
    const [place] = error.locations ?? [];
    const at = place === undefined ? '' : `${place.line}:${place.column} `;
    return `${at}${error.extensions.code ?? 'ERROR'} ${error.message}`;
  });
  return { name, outcome: { kind: 'refused', errors: texts } };
}

type Node = PlanNode | SubscriptionNode;

function describe(operation: Operation, plans: readonly QueryPlan[], policies: PolicyReport): PlannedOperation {
  const nodes = plans.flatMap(({ node }) => (node ? [node] : []));
  return {
    kind: 'planned',
    operation: operation.type,
    fetches: nodes.reduce((sum, node) => sum + countFetches(node), 0),
    // Several plans of one operation run one after the other.
    waves: nodes.reduce((sum, node) => sum + countWaves(node), 0),
    subgraphs: [...new Set(nodes.flatMap(listSubgraphs))],
    ...policies,
    plan: nodes.map((node) => printNode(node, 0, '')).join('\n'),
  };
}

function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'Sequence':
    case 'Parallel':
      return node.nodes;
    case 'Flatten':
      return [node.node];
    case 'Subscription':
      return node.rest ? [node.primary, node.rest] : [node.primary];
    case 'Condition':
      return [node.ifClause, node.elseClause].filter((clause) => clause !== undefined);
    case 'Defer':
      return [node.primary.node, ...node.deferred.map((deferred) => deferred.node)].filter(
        (clause) => clause !== undefined,
      );
    case 'Fetch':
      return [];
  }
}

function countFetches(node: Node): number {
  return childrenOf(node).reduce((sum, child) => sum + countFetches(child), node.kind === 'Fetch' ? 1 : 0);
}

function countWaves(node: Node): number {
  if (node.kind === 'Fetch') return 1;
  const waves = childrenOf(node).map(countWaves);
  const isSerial = node.kind === 'Sequence' || node.kind === 'Subscription';
  return isSerial ? waves.reduce((sum, count) => sum + count, 0) : Math.max(0, ...waves);
}

function listSubgraphs(node: Node): readonly string[] {
  return node.kind === 'Fetch' ? [node.serviceName] : childrenOf(node).flatMap(listSubgraphs);
}

function printNode(node: Node, depth: number, path: string): string {
  const indent = '  '.repeat(depth);
  if (node.kind === 'Flatten') return printNode(node.node, depth, ` at ${node.path.join('.')}`);
  if (node.kind !== 'Fetch') {
    const inner = childrenOf(node).map((child) => printNode(child, depth + 1, path));
    return [`${indent}${node.kind.toLowerCase()}`, ...inner].join('\n');
  }
  const operation = print(parse(node.operation, { noLocation: true }));
  const text = operation.replace(/^/gm, `${indent}    `);
  return `${indent}fetch from ${node.serviceName}${path}\n${text}`;
}

/** What becomes of an operation when another supergraph is served. */
export interface OperationChange {
  readonly name: string | undefined;
  readonly kind: 'broken' | 'costlier' | 'cheaper' | 'same' | 'mended' | 'broken before';
  /** One line for people. */
  readonly detail: string;
}

/** Compares the reports of one operation on the supergraph that is served and on a new one. */
export function compareReports(before: OperationReport, after: OperationReport): OperationChange {
  const { name, outcome: next } = after;
  const { outcome: last } = before;
  if (next.kind === 'refused') {
    const detail = next.errors.join('; ');
    return { name, kind: last.kind === 'refused' ? 'broken before' : 'broken', detail };
  }
  if (last.kind === 'refused') return { name, kind: 'mended', detail: costOf(next) };
  const difference = next.waves - last.waves || next.fetches - last.fetches;
  if (difference === 0) return { name, kind: 'same', detail: costOf(next) };
  return {
    name,
    kind: difference > 0 ? 'costlier' : 'cheaper',
    detail: `${costOf(last)} before, ${costOf(next)} now`,
  };
}

/** `3 fetches in 2 waves`. */
export function costOf({ fetches, waves }: PlannedOperation): string {
  return `${fetches} ${fetches === 1 ? 'fetch' : 'fetches'} in ${waves} ${waves === 1 ? 'wave' : 'waves'}`;
}
