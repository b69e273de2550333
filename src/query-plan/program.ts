/**
 * The fetches of an operation -> a program that runs them, each as soon as those are done that it waits for.
 * In: planned fetches, in order. Out: one step. Clock: per document (compiled), per request (run).
 */
import type { RequestContext } from '../context/request-context';
import type { SlicedWork } from '../slices';
import type { AskedFields } from './answerers';
import { ContextArguments } from './context-arguments';
import type { GatheredData } from './data';
import { entityStep } from './entity-fetch';
import { EntityLoader } from './entity-loader';
import type { Failures } from './failures';
import { type CompiledFetch, compileFetch, rootStep } from './fetch';
import type { PlannedFetch } from './fetch-list';
import { compileRepresentation } from './representations';
import { compileRewrites } from './rewrites';
import type { SubgraphCall } from './subgraph-call';
import type { SupergraphTypes } from './supergraph-types';

/** What one execution of a program works on. */
export class Run {
  private loader: EntityLoader | undefined = undefined;

  constructor(
    readonly data: GatheredData,
    readonly failures: Failures,
    /** As the client sent them. */
    readonly variables: Readonly<Record<string, unknown>>,
    readonly context: RequestContext,
    readonly call: SubgraphCall,
  ) {}

  /** Made when the first one asks: most operations are answered by one subgraph. */
  get entities(): EntityLoader {
    this.loader ??= new EntityLoader(this);
    return this.loader;
  }
}

/** Never rejects for what a subgraph did: that is placed in `run.failures`. */
export type Step = (run: Run) => Promise<void>;

export interface Program {
  readonly step: Step;
  /** The same, told fetch by fetch when each is done. */
  readonly start: (run: Run) => readonly Promise<void>[];
  /** Of a subscription: what the subgraph is asked that sends the events. `step` is what follows from each event. */
  readonly primary: CompiledFetch | undefined;
  /** By all of its fetches, the primary one included. */
  readonly asked: readonly AskedFields[];
}

/** Compiles fetches, each of which waits only for earlier ones. */
export function* compileProgram(fetches: readonly PlannedFetch[], types: SupergraphTypes): SlicedWork<Program> {
  const primary = fetches.find(({ isPrimary }) => isPrimary);
  const others = fetches.filter((fetch) => fetch !== primary);
  const compiler = new FetchCompiler(others, types);
  const steps: Step[] = [];
  for (const fetch of others) {
    yield;
    steps.push(compiler.compile(fetch));
  }
  const start = inOrder(others, steps);
  const [only] = steps;
  const step: Step = only && steps.length === 1 ? only : async (run) => void (await Promise.all(start(run)));
  const first = primary && compileFetch(primary.node, types);
  const asked = first ? [{ ...askedBy(first), path: [] }, ...compiler.asked] : compiler.asked;
  return { step, start, primary: first, asked };
}

/** Runs each fetch as soon as those are done that it waits for. */
function inOrder(fetches: readonly PlannedFetch[], steps: readonly Step[]): Program['start'] {
  const waits = fetches.map(({ after }) => [...after].flatMap((earlier) => indexIn(fetches, earlier)));
  return (run) => {
    const done: Promise<void>[] = [];
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as Step;
      const [first, ...others] = (waits[index] as number[]).map((earlier) => done[earlier]);
      if (!first) done.push(step(run));
      else done.push((others.length === 0 ? first : Promise.all([first, ...others])).then(() => step(run)));
    }
    return done;
  };
}

/** None when it is not run with them. */
function indexIn(fetches: readonly PlannedFetch[], fetch: PlannedFetch): number[] {
  const index = fetches.indexOf(fetch);
  return index < 0 ? [] : [index];
}

const askedBy = ({ subgraph, expected }: CompiledFetch) => ({ subgraph, expected });

class FetchCompiler {
  readonly asked: AskedFields[] = [];
  /** Entity fetches by what they ask of whom: equal ones are one object, so that their answers are shared. */
  private readonly entityFetches = new Map<string, CompiledFetch>();
  private readonly hasContexts: boolean;
  private readonly isAlone: boolean;
  private contextCount = 0;

  constructor(
    fetches: readonly PlannedFetch[],
    private readonly types: SupergraphTypes,
  ) {
    this.isAlone = fetches.length === 1;
    this.hasContexts = fetches.some(({ node }) => (node.contextRewrites?.length ?? 0) > 0);
  }

  compile({ node, path, requires, typeName }: PlannedFetch): Step {
    const { types } = this;
    const fetch = compileFetch(node, types);
    this.asked.push({ ...askedBy(fetch), path });
    if (!requires) return rootStep(fetch, path, types, this.isAlone);
    const rewriteInput = compileRewrites(node.inputRewrites, types);
    const find = compileRepresentation(fetch.subgraph, requires, { rewrite: rewriteInput, typeName }, types);
    const common = { path, find, types, isCopied: this.hasContexts };
    if (node.contextRewrites?.length) {
      this.contextCount += 1;
      return entityStep({ ...common, fetch, context: new ContextArguments(node, this.contextCount, types) });
    }
    const identity = [
      fetch.subgraph,
      fetch.selectionText,
      ...fetch.variables.map(({ definition }) => definition),
    ].join();
    const known = this.entityFetches.get(identity) ?? fetch;
    this.entityFetches.set(identity, known);
    return entityStep({ ...common, fetch: known });
  }
}
