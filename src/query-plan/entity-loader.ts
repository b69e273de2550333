/**
 * Entities of one run, each asked once: equal representations for equal selections share one answer, whenever and at
 * whatever path they come up; what is ready together for one subgraph travels in one request.
 * In: selections and representations. Out: entities, or why there are none. Clock: per request.
 */
import type { ErrorCode } from '../errors';
import { type GatheredData, isDataObject } from './data';
import type { Failure } from './failures';
import { type CompiledFetch, failureOf, isFailure, requestHead, type Sender, send, variablesText } from './fetch';
import { SlotTable } from './representations';
import type { SubgraphGraphQLError, SubgraphResponse } from './subgraph-call';

/** One `_entities` field of one request: so many representations, and in time the answer to each. */
export interface EntityPart {
  readonly fetch: CompiledFetch;
  /** The slot of its first representation; the others follow. */
  readonly first: number;
  readonly count: number;
  /** The JSON texts, with commas between them. */
  readonly representations: string;
  /** Resolves when the answer is there; rejects for a defect of the gateway. */
  readonly answered: Promise<void>;
  answer: EntityAnswer | undefined;
}

export type EntityAnswer =
  | { readonly kind: 'failed'; readonly failure: Failure }
  | {
      readonly kind: 'entities';
      readonly entities: readonly unknown[];
      /** By index, their paths from the entity on; under `undefined` those that name none. */
      readonly errors: ReadonlyMap<number | undefined, readonly SubgraphGraphQLError[]> | undefined;
    };

interface OpenPart extends EntityPart {
  count: number;
  representations: string;
  resolve(): void;
  reject(reason: unknown): void;
}

/** What is asked with one fetch in one run. Slots are numbers: thousands of objects would cost more than all else here. */
export class EntityTable {
  readonly slots: SlotTable;
  private readonly parts: OpenPart[] = [];
  private readonly uses: number[] = [];

  constructor(data: GatheredData, openPart: (first: number) => OpenPart) {
    this.slots = new SlotTable(data, (representation) => {
      const slot = this.uses.push(0) - 1;
      const part = openPart(slot);
      if (part.first === slot) this.parts.push(part);
      part.representations += part.count === 0 ? representation : `,${representation}`;
      part.count++;
      return slot;
    });
  }

  /** Where the answer to a representation is found. */
  partOf(slot: number): EntityPart {
    let index = this.parts.length - 1;
    while (index > 0 && slot < (this.parts[index] as OpenPart).first) index--;
    return this.parts[index] as OpenPart;
  }

  /** Counts an object that the answer has completed; how many there are now. */
  use(slot: number): number {
    const uses = (this.uses[slot] as number) + 1;
    this.uses[slot] = uses;
    return uses;
  }
}

/** A batch waits for the requests under way beside it half as long again as they have taken, within these bounds. */
const minWaitMs = 1;
const maxWaitMs = 20;

export class EntityLoader {
  private readonly tables = new Map<CompiledFetch, EntityTable>();
  /** Parts that take representations still, by fetch: equal fetches are one object. */
  private readonly open = new Map<CompiledFetch, OpenPart>();
  private inFlight = 0;
  private sentAt = 0;
  private isArmed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly sender: Sender) {}

  /** The slots of a fetch. What is added joins the next request. */
  tableOf(fetch: CompiledFetch): EntityTable {
    let table = this.tables.get(fetch);
    if (!table) {
      table = new EntityTable(this.sender.data, (first) => this.openPart(fetch, first));
      this.tables.set(fetch, table);
    }
    return table;
  }

  /** Counts a request of the run, so that entities that depend on its neighbours wait for it a little. */
  async track<T>(request: Promise<T>): Promise<T> {
    this.inFlight += 1;
    this.sentAt = performance.now();
    try {
      return await request;
    } finally {
      this.inFlight -= 1;
      if (this.open.size > 0) this.arm();
    }
  }

  /** The part that takes the next representation of a fetch; `first`: its slot, should it be the first one there. */
  private openPart(fetch: CompiledFetch, first: number): OpenPart {
    let part = this.open.get(fetch);
    if (!part) {
      let resolve = () => {};
      let reject: OpenPart['reject'] = () => {};
      const answered = new Promise<void>((done, fail) => {
        resolve = done;
        reject = fail;
      });
      part = { fetch, first, count: 0, representations: '', answered, answer: undefined, resolve, reject };
      this.open.set(fetch, part);
      this.arm();
    }
    return part;
  }

  /** Looks again once everything that follows from the present answers has been asked for. */
  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    setImmediate(() => {
      this.isArmed = false;
      if (this.open.size === 0) return;
      if (this.inFlight === 0) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), this.waitMs());
    });
  }

  private waitMs(): number {
    return Math.min(maxWaitMs, Math.max(minWaitMs, (performance.now() - this.sentAt) / 2));
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const bySubgraph = new Map<string, OpenPart[]>();
    for (const part of this.open.values()) {
      const parts = bySubgraph.get(part.fetch.subgraph);
      if (parts) parts.push(part);
      else bySubgraph.set(part.fetch.subgraph, [part]);
    }
    this.open.clear();
    for (const parts of bySubgraph.values()) {
      this.track(this.request(parts)).catch((defect: unknown) => {
        for (const part of parts) part.reject(defect);
      });
    }
  }

  private async request(parts: readonly OpenPart[]): Promise<void> {
    const [first] = parts;
    if (!first) return;
    const body = requestBody(parts, this.sender.variables);
    // Nobody asks for them again: else every collection of garbage would carry them on until the answer is there.
    if (parts.length === 1) first.representations = '';
    const entities = parts.reduce((sum, { count }) => sum + count, 0);
    const answer = await send(this.sender, first.fetch, body, entities);
    // One part that fails as a whole empties the answer of all: asked alone, the others are answered.
    if (parts.length > 1 && !isFailure(answer) && !answer.data) {
      await Promise.all(parts.map((part) => this.request([part])));
      return;
    }
    for (const [index, part] of parts.entries()) {
      part.answer = readPart(part, answer, parts.length === 1 ? '_entities' : `_${index}`);
      part.resolve();
    }
  }
}

function requestBody(parts: readonly EntityPart[], values: Readonly<Record<string, unknown>>): string {
  const [first, ...others] = parts;
  if (first && others.length === 0) {
    const variables = variablesText(first.fetch.variables, values);
    const separator = variables === '' ? '' : ',';
    return `${first.fetch.head}${variables}${separator}"representations":[${first.representations}]}}`;
  }
  const variables = new Map(parts.flatMap(({ fetch }) => fetch.variables.map((variable) => [variable.key, variable])));
  const own = parts.map((_part, index) => `$representations${index}:[_Any!]!`);
  const definitions = [...own, ...[...variables.values()].map(({ definition }) => definition)];
  const fields = parts.map(
    ({ fetch }, index) => `_${index}:_entities(representations:$representations${index})${fetch.selectionText}`,
  );
  const head = requestHead(`query(${definitions.join(',')}){${fields.join(' ')}}`, undefined);
  const lists = parts.map((part, index) => `"representations${index}":[${part.representations}]`);
  const rest = variablesText([...variables.values()], values);
  return `${head}${rest}${rest === '' ? '' : ','}${lists.join(',')}}}`;
}

/** The answer to one part, found under `key` of the whole. */
function readPart({ fetch, count }: EntityPart, answer: SubgraphResponse | Failure, key: string): EntityAnswer {
  if (isFailure(answer)) return { kind: 'failed', failure: answer };
  const entities = answer.data?.[key];
  const errors = answer.errors?.filter((error) => !isOfOtherPart(error, key)) ?? [];
  if (!Array.isArray(entities) || entities.length !== count) {
    const [first] = errors;
    return { kind: 'failed', failure: first ? failureOf(first, fetch.subgraph) : malformedEntities(fetch.subgraph) };
  }
  if (fetch.rewriteOutput) {
    for (const entity of entities) if (isDataObject(entity)) fetch.rewriteOutput(entity);
  }
  return { kind: 'entities', entities, errors: groupErrors(errors, key, entities.length) };
}

function isOfOtherPart(error: SubgraphGraphQLError, key: string): boolean {
  const [first] = error.path ?? [];
  return first !== key && typeof first === 'string' && /^_\d+$/.test(first);
}

function groupErrors(
  errors: readonly SubgraphGraphQLError[],
  key: string,
  count: number,
): ReadonlyMap<number | undefined, SubgraphGraphQLError[]> | undefined {
  if (errors.length === 0) return undefined;
  const groups = new Map<number | undefined, SubgraphGraphQLError[]>();
  for (const error of errors) {
    const index = error.path?.[0] === key ? error.path[1] : undefined;
    const group = typeof index === 'number' && index < count ? index : undefined;
    const before = groups.get(group);
    if (before) before.push(error);
    else groups.set(group, [error]);
  }
  return groups;
}

export function malformedEntities(subgraph: string): Failure {
  const code: ErrorCode = 'SUBREQUEST_MALFORMED_RESPONSE';
  const message = `Subgraph '${subgraph}' did not answer with the entities it was asked for.`;
  return { message, extensions: { code, serviceName: subgraph } };
}
