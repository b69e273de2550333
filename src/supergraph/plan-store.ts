/**
 * The second tier of the plan cache: query plans in a store that gateways share. In: the operation to plan. Out: a plan
 * of the store, or of the planner. Clock: per document. The store is never waited for beyond its own bound and never
 * trusted: what is not a sound plan of this supergraph is planned anew.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QueryPlan } from '@apollo/query-planner';
import { Kind, parse } from 'graphql';
import { listFetches } from '../query-plan/fetch-list';
import { type Planner, planKey } from '../query-plan/operation-planner';
import type { Log } from '../telemetry/log';

/** Texts by key. Nothing of it rejects or waits for long. */
export interface PlanStore {
  /** Undefined when there is none, or none can be had now. */
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, lifetimeMs: number): void;
}

export interface SharedPlansOptions {
  readonly store: PlanStore;
  readonly lifetimeMs: number;
  /** Of the planner, as plain data: with others it may plan otherwise, and plans are not shared between them. */
  readonly settings: object;
  readonly log: Log;
}

/** The supergraph that is planned for. */
export interface PlannedSupergraph {
  readonly sdl: string;
  readonly subgraphs: readonly { readonly name: string }[];
}

/** Larger plans are not shared: to read one would hold other requests up. */
const maxPlanLength = 2_000_000;

/** `planner`, asked only for what the store does not have; what it answers is stored without waiting. */
export function sharePlans(
  planner: Planner,
  supergraph: PlannedSupergraph,
  { store, lifetimeMs, settings, log }: SharedPlansOptions,
): Planner {
  const prefix = keyPrefix(supergraph.sdl, settings);
  const checker = new PlanReader(supergraph);
  return {
    async plan(document, overrideLabels) {
      const key = prefix + sha256(planKey(document, overrideLabels));
      const stored = await store.get(key);
      if (stored !== undefined) {
        const plan = checker.read(stored, document);
        if (plan) return plan;
        log.warn({ key }, 'A stored query plan is not one: it is planned anew');
      }
      const plan = await planner.plan(document, overrideLabels);
      const text = plan.node ? JSON.stringify(plan) : '';
      if (text !== '' && text.length <= maxPlanLength) store.set(key, text, lifetimeMs);
      return plan;
    },
  };
}

/** The braces keep the plans of one supergraph together in a Redis Cluster. */
function keyPrefix(supergraphSdl: string, settings: object): string {
  const planner = JSON.stringify([plannerVersion(), settings]);
  return `supergate:plan:{${sha256(supergraphSdl)}}:${sha256(planner).slice(0, 16)}:`;
}

/** Of Apollo's planner and of what we do around it: another version may plan otherwise. */
function plannerVersion(): string {
  const { version } = JSON.parse(readFileSync(require.resolve('@apollo/query-planner/package.json'), 'utf8'));
  const extension = __filename.endsWith('.ts') ? 'ts' : 'js';
  const files = ['planner-thread', 'planning-sdl', 'join-directives'];
  const texts = files.map((file) => readFileSync(join(__dirname, `${file}.${extension}`), 'utf8'));
  return `${version} ${sha256(texts.join())}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads plans of one supergraph from texts that anybody may have written. */
class PlanReader {
  private readonly subgraphs: ReadonlySet<unknown>;

  constructor(supergraph: PlannedSupergraph) {
    this.subgraphs = new Set(supergraph.subgraphs.map(({ name }) => name));
  }

  /** The plan of `document` that `text` is, if it is one. */
  read(text: string, document: string): QueryPlan | undefined {
    if (text.length > maxPlanLength) return undefined;
    try {
      const plan: unknown = JSON.parse(text);
      if (!isFields(plan) || plan.kind !== 'QueryPlan') return undefined;
      const kinds = document.startsWith('mutation') ? ['query', 'mutation'] : ['query'];
      if (!this.isPlanNode(plan.node, kinds)) return undefined;
      const checked = plan as unknown as QueryPlan;
      listFetches(checked, document);
      return checked;
    } catch {
      // Not JSON, not GraphQL, unsound, or nested beyond the stack.
      return undefined;
    }
  }

  private isPlanNode(node: unknown, kinds: readonly unknown[]): boolean {
    if (!isFields(node)) return false;
    switch (node.kind) {
      case 'Sequence':
      case 'Parallel':
        return isListOf(node.nodes, (child) => this.isPlanNode(child, kinds));
      case 'Flatten':
        return isListOf(node.path, isPathElement) && this.isPlanNode(node.node, kinds);
      case 'Fetch':
        return this.subgraphs.has(node.serviceName) && kinds.includes(node.operationKind) && isFetch(node);
      default:
        // Conditions are decided before planning; what is deferred or subscribed to is not stored yet.
        return false;
    }
  }
}

function isFetch(node: Fields): boolean {
  return (
    typeof node.operation === 'string' &&
    isOperation(node.operation, node.operationKind) &&
    isOptional(node.operationName, isString) &&
    isOptional(node.variableUsages, (names) => isListOf(names, isString)) &&
    isOptional(node.requires, (selections) => isListOf(selections, isRequirement)) &&
    isOptional(node.inputRewrites, (rewrites) => isListOf(rewrites, isRewrite)) &&
    isOptional(node.outputRewrites, (rewrites) => isListOf(rewrites, isRewrite)) &&
    isOptional(node.contextRewrites, (rewrites) => isListOf(rewrites, isContextRewrite))
  );
}

/** Throws for a syntax error. */
function isOperation(text: string, kind: unknown): boolean {
  const [operation, ...others] = parse(text, { noLocation: true }).definitions;
  return operation?.kind === Kind.OPERATION_DEFINITION && operation.operation === kind && others.length === 0;
}

function isRequirement(selection: unknown): boolean {
  if (!isFields(selection)) return false;
  if (selection.kind === 'InlineFragment') {
    return isOptional(selection.typeCondition, isString) && isListOf(selection.selections, isRequirement);
  }
  return (
    selection.kind === 'Field' &&
    isKey(selection.name) &&
    isOptional(selection.alias, isKey) &&
    isOptional(selection.selections, (selections) => isListOf(selections, isRequirement))
  );
}

function isRewrite(rewrite: unknown): boolean {
  if (!isFields(rewrite) || !isListOf(rewrite.path, isKey)) return false;
  return rewrite.kind === 'KeyRenamer'
    ? isKey(rewrite.renameKeyTo)
    : rewrite.kind === 'ValueSetter' && isString(rewrite.setValueTo);
}

function isContextRewrite(rewrite: unknown): boolean {
  return isRewrite(rewrite) && isFields(rewrite) && rewrite.kind === 'KeyRenamer';
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

function isOptional(value: unknown, is: (value: unknown) => boolean): boolean {
  return value === undefined || is(value);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

/** A name that objects are written under. */
function isKey(value: unknown): boolean {
  return typeof value === 'string' && value !== '__proto__';
}

function isPathElement(value: unknown): boolean {
  return isKey(value) || Number.isInteger(value);
}
