/**
 * Identical queries under way share one execution: same executable form, variables, identity, exclusions and headers
 * for subgraphs. In: what would be executed. Out: its result, or that of an identical one. Clock: per request.
 * It never shares a mutation, nor anything between two identities, nor what began before a mutation ended.
 */
import type { RequestContext } from '../context/request-context';
import type { CheckedVariables } from '../operation/variables';
import type { Exclusions } from '../policy/admission';

interface Execution<T> {
  readonly hash: number;
  readonly variables: string;
  readonly context: RequestContext;
  readonly exclusions: Exclusions | undefined;
  /** How many mutations had ended when it began. */
  readonly epoch: number;
  readonly result: Promise<T>;
}

/** `ignoredHeaders`: lower case names of headers that differ from request to request and have no say in the answer. */
export class SharedExecutions<T> {
  private readonly underWay = new WeakMap<object, Execution<T>[]>();
  private epoch = 0;

  constructor(private readonly ignoredHeaders: ReadonlySet<string>) {}

  /** A mutation has ended: who asks from now on must see what it did. */
  mutationEnded(): void {
    this.epoch += 1;
  }

  /** The result of `execute`, or of an identical execution that began before and has not ended. */
  async share(
    executable: object,
    { raw }: CheckedVariables,
    context: RequestContext,
    exclusions: Exclusions | undefined,
    execute: () => Promise<T>,
  ): Promise<T> {
    let executions = this.underWay.get(executable);
    if (!executions) {
      executions = [];
      this.underWay.set(executable, executions);
    }
    const variables = JSON.stringify(raw);
    const hash = hashOf(variables);
    for (;;) {
      const running = executions.find(
        (other) => other.hash === hash && other.exclusions === exclusions && this.isSame(other, variables, context),
      );
      if (!running) break;
      const result = await running.result;
      // It was given up because whoever began it left, or had less time: that is no answer to anybody else.
      if (running.context.deadline.ended !== undefined && context.deadline.ended === undefined) continue;
      const headers = running.context.told?.headers;
      if (headers) context.told?.headers?.adopt(headers);
      return result;
    }
    const execution = { hash, variables, context, exclusions, epoch: this.epoch, result: execute() };
    executions.push(execution);
    try {
      return await execution.result;
    } finally {
      const last = executions.pop();
      const index = last === execution ? -1 : executions.indexOf(execution);
      if (last && index >= 0) executions[index] = last;
    }
  }

  private isSame(other: Execution<T>, variables: string, context: RequestContext): boolean {
    return (
      other.variables === variables &&
      other.epoch === this.epoch &&
      other.context.identity === context.identity &&
      this.haveEqualHeaders(other.context.subgraphHeaders, context.subgraphHeaders)
    );
  }

  private haveEqualHeaders(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
    const names = Object.keys(one);
    if (names.length !== Object.keys(other).length) return false;
    return names.every((name) => this.ignoredHeaders.has(name) || one[name] === other[name]);
  }
}

/** FNV-1a, 32 bits: tells most different texts apart without comparing them. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}
