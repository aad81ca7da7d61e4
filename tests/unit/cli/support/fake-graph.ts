import { clone, create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { type Alias, MergeEntitiesRequestSchema, SplitEntityRequestSchema } from "#gen/cos/graph/v1/aliases_pb.ts";
import {
  CreateNodeRequestSchema,
  CreateRelationshipRequestSchema,
  DeleteNodeRequestSchema,
  DeleteRelationshipRequestSchema,
  GetNodeRequestSchema,
  UpdateNodeRequestSchema,
  UpdateRelationshipRequestSchema,
} from "#gen/cos/graph/v1/by_hand_pb.ts";
import { type Node, NodeSchema, Origin, type Relationship, RelationshipSchema } from "#gen/cos/graph/v1/graph_pb.ts";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import {
  type GetProjectionResponse,
  GetProjectionResponseSchema,
  type RebuildProjectionResponse,
  type VerifyProjectionResponse,
} from "#gen/cos/graph/v1/projection_pb.ts";
import {
  FindShortestPathRequestSchema,
  type FindShortestPathResponse,
  FindShortestPathResponseSchema,
  ListNeighborsRequestSchema,
  type Neighbor,
  SearchGraphRequestSchema,
  type SearchHit,
} from "#gen/cos/graph/v1/queries_pb.ts";
import {
  ExportGraphRequestSchema,
  type ExportGraphResponse,
  ListTopicsRequestSchema,
  type ListTopicsResponse,
  type ModuleStats,
} from "#gen/cos/graph/v1/surveys_pb.ts";
import {
  type WatchGraphRequest,
  WatchGraphRequestSchema,
  type WatchGraphResponse,
} from "#gen/cos/graph/v1/watch_pb.ts";
import type { OpenTransport } from "#services/cli/terminal.ts";

/** An id that is told from others by its number. */
export function idOf(number: number): string {
  return `00000000-0000-8000-8000-${String(number).padStart(12, "0")}`;
}

export function entity(number: number, name: string, extra: MessageInitShape<typeof NodeSchema> = {}): Node {
  return create(NodeSchema, {
    id: idOf(number),
    module: "pepys",
    label: "Entity",
    kind: "person",
    name,
    origin: Origin.DERIVED,
    memoryCount: 12n,
    ...extra,
  });
}

export function memoryNode(position: number, text: string, extra: MessageInitShape<typeof NodeSchema> = {}): Node {
  return create(NodeSchema, {
    id: idOf(9000 + position),
    module: "pepys",
    label: "LogEntry",
    name: text,
    origin: Origin.DERIVED,
    position: BigInt(position),
    eventType: "diary.entry",
    occurredAt: timestampFromMs(Date.UTC(1665, 5, position)),
    ...extra,
  });
}

export function edge(
  number: number,
  [from, to]: readonly [Node, Node],
  extra: MessageInitShape<typeof RelationshipSchema> = {},
): Relationship {
  return create(RelationshipSchema, {
    id: idOf(5000 + number),
    module: from.module,
    type: "RELATES_TO",
    fromId: from.id,
    toId: to.id,
    origin: Origin.DERIVED,
    count: 3n,
    ...extra,
  });
}

/** How far the graph has come, of modules by name: `{ pepys: 3413 }`, or `[position, head]`. */
export function projectionOf(places: Record<string, number | readonly [number, number]>): GetProjectionResponse {
  const modules = Object.entries(places).map(([module, place]) => {
    const [position, head] = typeof place === "number" ? [place, place] : place;
    const cursor = { module, position: BigInt(position), epoch: "e1" };
    return { cursor, head: BigInt(head), lagPositions: BigInt(head - position) };
  });
  const rules = { extractorVersion: 1, extractorVersionAvailable: 1 };
  return create(GetProjectionResponseSchema, { engine: "postgres", generation: 1, connected: true, ...rules, modules });
}

/** A graph in memory: it knows nodes by id and name, keeps what it was asked, and answers what a test has scripted. */
export class FakeGraph {
  projection = projectionOf({ pepys: 3413 });
  readonly nodes: Node[] = [];
  readonly relationships: Relationship[] = [];
  /** Further names: `[module, name] -> node`. */
  readonly names = new Map<string, Node>();
  stats: ModuleStats[] = [];
  hits: SearchHit[] = [];
  path: FindShortestPathResponse = create(FindShortestPathResponseSchema);
  readonly topics = new Map<string, ListTopicsResponse>();
  readonly neighbors: Neighbor[] = [];
  readonly aliases = new Map<string, Alias[]>();
  split: { entity?: Node; split?: Node } = {};
  exports: ExportGraphResponse[] = [];
  verifies: VerifyProjectionResponse[] = [];
  rebuilds: RebuildProjectionResponse[] = [];
  /** Thrown after the frames of a verification or rebuild. */
  breaks: ConnectError | undefined;
  /** One script a stream; when they are used up, streams end with UNAVAILABLE. */
  streams: ((request: WatchGraphRequest, signal: AbortSignal) => AsyncIterable<WatchGraphResponse>)[] = [];
  /** Of every call, before anything else. */
  refuses: () => ConnectError | undefined = () => undefined;
  readonly #asked: { readonly schema: DescMessage; readonly message: unknown }[] = [];

  /** What was asked with requests of this kind, in order. */
  asked<D extends DescMessage>(schema: D): MessageShape<D>[] {
    return this.#asked.flatMap((each) => (each.schema === schema ? [each.message as MessageShape<D>] : []));
  }

  #note<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
    const refusal = this.refuses();
    if (refusal !== undefined) throw refusal;
    this.#asked.push({ schema, message: clone(schema, message) });
  }

  /** A transport that ends in this process, without a socket. */
  transport(): OpenTransport {
    const transport = createRouterTransport((router) => {
      router.service(GraphService, { ...this.#reads(), ...this.#changes(), ...this.#streams() });
    });
    return { ...transport, close: () => undefined };
  }

  #reads() {
    return {
      getNode: (request: MessageShape<typeof GetNodeRequestSchema>) => {
        this.#note(GetNodeRequestSchema, request);
        return { node: this.#find(request) };
      },
      getRelationship: ({ id }: { id: string }) => {
        const relationship = this.relationships.find((each) => each.id === id);
        if (relationship === undefined) throw new ConnectError(`there is no relationship ${id}`, Code.NotFound);
        return { relationship };
      },
      searchGraph: (request: MessageShape<typeof SearchGraphRequestSchema>) => {
        this.#note(SearchGraphRequestSchema, request);
        const words = request.query.toLowerCase().split(" ");
        const fits = (hit: SearchHit) => words.every((word) => hit.node?.name.toLowerCase().includes(word) === true);
        return { hits: this.hits.filter(fits) };
      },
      listNeighbors: (request: MessageShape<typeof ListNeighborsRequestSchema>) => {
        this.#note(ListNeighborsRequestSchema, request);
        const { types, manualOnly, pageSize } = request;
        const fits = ({ relationship }: Neighbor) =>
          (!manualOnly || relationship?.origin === Origin.MANUAL) &&
          (types.length === 0 || types.includes(relationship?.type ?? ""));
        return { neighbors: this.neighbors.filter(fits).slice(0, pageSize) };
      },
      findShortestPath: (request: MessageShape<typeof FindShortestPathRequestSchema>) => {
        this.#note(FindShortestPathRequestSchema, request);
        return this.path;
      },
      listTopics: (request: MessageShape<typeof ListTopicsRequestSchema>) => {
        this.#note(ListTopicsRequestSchema, request);
        return this.topics.get(request.module) ?? {};
      },
      // One on a page.
      listAliases: ({ module, pageToken }: { module: string; pageToken: string }) => {
        const [all, at] = [this.aliases.get(module) ?? [], Number(pageToken)];
        return { aliases: all.slice(at, at + 1), nextPageToken: at + 1 < all.length ? String(at + 1) : "" };
      },
      getStats: ({ module }: { module: string }) => ({
        modules: this.stats.filter((each) => isOf(each.module, module)),
      }),
      getProjection: ({ module }: { module: string }) => {
        const refusal = this.refuses();
        if (refusal !== undefined) throw refusal;
        const modules = this.projection.modules.filter(({ cursor }) => isOf(cursor!.module, module));
        return { ...this.projection, modules };
      },
    };
  }

  #changes() {
    const cursor = { module: "pepys", position: 3414n, epoch: "e1" };
    return {
      createNode: (request: MessageShape<typeof CreateNodeRequestSchema>) => {
        this.#note(CreateNodeRequestSchema, request);
        const { name, module, label, kind, properties } = request.node!;
        return {
          node: entity(700, name, {
            module,
            label,
            kind,
            origin: Origin.MANUAL,
            memoryCount: 0n,
            ...(properties && { properties }),
          }),
          cursor,
        };
      },
      updateNode: (request: MessageShape<typeof UpdateNodeRequestSchema>) => {
        this.#note(UpdateNodeRequestSchema, request);
        return { node: this.nodes.find(({ id }) => id === request.id), cursor };
      },
      deleteNode: (request: MessageShape<typeof DeleteNodeRequestSchema>) => {
        this.#note(DeleteNodeRequestSchema, request);
        return { cursor };
      },
      createRelationship: (request: MessageShape<typeof CreateRelationshipRequestSchema>) => {
        this.#note(CreateRelationshipRequestSchema, request);
        const { module, type, fromId, toId } = request.relationship!;
        return { relationship: { id: idOf(5700), module, type, fromId, toId, origin: Origin.MANUAL }, cursor };
      },
      updateRelationship: (request: MessageShape<typeof UpdateRelationshipRequestSchema>) => {
        this.#note(UpdateRelationshipRequestSchema, request);
        return { relationship: this.relationships.find(({ id }) => id === request.id), cursor };
      },
      deleteRelationship: (request: MessageShape<typeof DeleteRelationshipRequestSchema>) => {
        this.#note(DeleteRelationshipRequestSchema, request);
        return { cursor };
      },
      mergeEntities: (request: MessageShape<typeof MergeEntitiesRequestSchema>) => {
        this.#note(MergeEntitiesRequestSchema, request);
        return { node: entity(701, request.into!.name, { kind: request.into!.kind }), cursor };
      },
      splitEntity: (request: MessageShape<typeof SplitEntityRequestSchema>) => {
        this.#note(SplitEntityRequestSchema, request);
        return { ...this.split, cursor };
      },
    };
  }

  #streams() {
    const scripted = async function* <T>(this: FakeGraph, frames: readonly T[]): AsyncGenerator<T> {
      const refusal = this.refuses();
      if (refusal !== undefined) throw refusal;
      yield* frames;
      if (this.breaks !== undefined) throw this.breaks;
    };
    return {
      exportGraph: (request: MessageShape<typeof ExportGraphRequestSchema>) => {
        this.#note(ExportGraphRequestSchema, request);
        return scripted.call(this, this.exports) as AsyncGenerator<ExportGraphResponse>;
      },
      verifyProjection: () => scripted.call(this, this.verifies) as AsyncGenerator<VerifyProjectionResponse>,
      rebuildProjection: () => scripted.call(this, this.rebuilds) as AsyncGenerator<RebuildProjectionResponse>,
      watchGraph: (request: WatchGraphRequest, { signal }: { signal: AbortSignal }) => {
        this.#note(WatchGraphRequestSchema, request);
        const script = this.streams.shift();
        if (script === undefined) throw new ConnectError("connect ECONNREFUSED", Code.Unavailable);
        return script(request, signal);
      },
    };
  }

  #find({ id, name, module, kind }: MessageShape<typeof GetNodeRequestSchema>): Node {
    const fits = (node: Node) =>
      id === "" ? node.name === name && node.module === module && isOf(node.kind, kind) : node.id === id;
    const node = this.nodes.find(fits) ?? this.names.get(`${module} ${name}`);
    if (node !== undefined) return node;
    throw new ConnectError(`there is no node ${id || name}`, Code.NotFound);
  }
}

/** Whether a value is what was asked for; nothing asked for is anything. */
function isOf(value: string, asked: string): boolean {
  return asked === "" || value === asked;
}
