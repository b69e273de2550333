/**
 * One supergraph, made ready: API schema, planner handle, engine, documents, connections to its subgraphs. Immutable:
 * a reload makes another one. Every operation runs wholly under the generation that prepared it.
 * In: supergraph SDL and what `gateway.ts` hands in. Clock: per supergraph.
 */
import { createHash } from 'node:crypto';
import { buildSchema, type DocumentNode, type GraphQLSchema } from 'graphql';
import type { DocumentOptions, Refused, ValidDocument } from '../operation/document';
import { DocumentCache } from '../operation/document-cache';
import { type Answer, Engine, type EngineLimits } from '../query-plan/engine';
import { SharedExecutions } from '../query-plan/shared-executions';
import type { SubgraphCall } from '../query-plan/subgraph-call';
import type { PlannerHandle, PlannerThread } from './planner-client';
import { readSupergraphTypes } from './supergraph-types';

/** The transport of one generation, as `src/subgraph/` makes it. */
export interface GenerationTransport {
  readonly call: SubgraphCall;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

export interface GenerationOptions<Transport extends GenerationTransport> {
  readonly planner: PlannerThread;
  readonly engineLimits: EngineLimits;
  readonly documentOptions: DocumentOptions;
  /** Validated documents that are kept, in bytes of memory (estimated). */
  readonly documentCacheMaxBytes: number;
  /** Whether identical queries under way share one execution. */
  readonly shareQueries: boolean;
  readonly createTransport: (subgraphs: readonly { readonly name: string; readonly url: string }[]) => Transport;
}

/** Differ from request to request and have no say in an answer. */
const headersWithoutSay = new Set(['x-request-id', 'traceparent', 'tracestate']);

export class Generation<Transport extends GenerationTransport = GenerationTransport> {
  private readonly documents: DocumentCache;
  /** Queries under way, for identical ones to join; absent when that is switched off. */
  readonly sharedQueries: SharedExecutions<Answer> | undefined;

  private constructor(
    /** The first characters of the SDL's SHA-256. */
    readonly id: string,
    readonly supergraphSdl: string,
    readonly apiSchema: GraphQLSchema,
    readonly engine: Engine,
    readonly transport: Transport,
    private readonly plannerHandle: PlannerHandle,
    options: GenerationOptions<Transport>,
  ) {
    this.sharedQueries = options.shareQueries ? new SharedExecutions(headersWithoutSay) : undefined;
    this.documents = new DocumentCache(apiSchema, options.documentOptions, options.documentCacheMaxBytes);
  }

  /** Opens a supergraph on the planner thread and builds everything on it. Rejects when it cannot be served. */
  static async open<Transport extends GenerationTransport>(
    supergraphSdl: string,
    options: GenerationOptions<Transport>,
  ): Promise<Generation<Transport>> {
    const plannerHandle = await options.planner.open(supergraphSdl);
    const apiSchema = buildSchema(plannerHandle.apiSchemaSdl, { assumeValidSDL: true });
    const engine = new Engine({
      apiSchema,
      types: readSupergraphTypes(supergraphSdl),
      planner: plannerHandle,
      limits: options.engineLimits,
    });
    const id = createHash('sha256').update(supergraphSdl).digest('hex').slice(0, 12);
    const transport = options.createTransport(plannerHandle.subgraphs);
    return new Generation(id, supergraphSdl, apiSchema, engine, transport, plannerHandle, options);
  }

  get subgraphNames(): readonly string[] {
    return this.plannerHandle.subgraphs.map(({ name }) => name);
  }

  /** Parses, limits and validates `source`, once as long as it is remembered. */
  readDocument(source: string): ValidDocument | Refused {
    return this.documents.read(source);
  }

  /** A document that the host has validated against this generation's schema: only the limits are left to check. */
  adoptDocument(document: DocumentNode, source: string | undefined): ValidDocument | Refused {
    return this.documents.adopt(document, source);
  }

  /** Lets calls to subgraphs finish, then gives everything back. */
  async close(): Promise<void> {
    await this.transport.close();
    this.plannerHandle.close();
  }
}
