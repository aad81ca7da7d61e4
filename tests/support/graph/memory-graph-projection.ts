import type { EdgeRow, GenerationRow, NodeRow, Place, ReferenceRow } from "#services/graph/domain/graph-rows.ts";
import type {
  GraphDelta,
  ProjectionStore,
  ProjectionTransaction,
  ScanPart,
} from "#services/graph/domain/graph-store.ts";
import { NO_NAMING } from "#services/graph/domain/naming.ts";
import { applyDelta, copyOf, emptyPart, type Part } from "./memory-graph-part.ts";
import { ascending, descending, inTurn, pageAfter } from "./row-order.ts";

/** A generation of the model, with what it holds of each module. */
export interface Generation {
  row: GenerationRow;
  readonly parts: Map<string, Part>;
}

/** All that the model holds. */
export interface MemoryGraph {
  /** Those that are kept, by number. */
  readonly generations: Map<number, Generation>;
  /** How many were ever begun: a number is never given twice. */
  begun: number;
}

/** The writing side of the model. */
export function projectionOf(graph: MemoryGraph): ProjectionStore {
  const steps = new Map<string, Promise<unknown>>();
  const rows = () => [...graph.generations.values()].map(({ row }) => row);
  const partOf = ({ generation, module }: { generation: number; module: string }) =>
    graph.generations.get(generation)?.parts.get(module) ?? emptyPart();

  /** The steps of one module and generation go one after another (G2). */
  const alone = async <Result>(key: string, step: () => Promise<Result>): Promise<Result> => {
    const before = steps.get(key) ?? Promise.resolve();
    const mine = before.then(step);
    steps.set(
      key,
      mine.catch(() => undefined),
    );
    return mine;
  };

  return {
    async generations(signal) {
      signal?.throwIfAborted();
      return rows();
    },
    async begin({ purpose, extractorVersion, nowMs }) {
      if (rows().some(({ state }) => state === "building")) return undefined;
      graph.begun += 1;
      const row: GenerationRow = {
        number: graph.begun,
        state: rows().some(({ state }) => state === "live") ? "building" : "live",
        purpose,
        extractorVersion,
        beganMs: nowMs,
        aliveMs: 0,
        retiredMs: undefined,
        resumeToken: "",
      };
      graph.generations.set(row.number, { row, parts: new Map() });
      return row;
    },
    async activate(number, nowMs) {
      const next = graph.generations.get(number);
      if (next?.row.state !== "building") return;
      for (const generation of graph.generations.values())
        if (generation.row.state === "live") generation.row = { ...generation.row, state: "retired", retiredMs: nowMs };
      next.row = { ...next.row, state: "live" };
    },
    async keepAlive(number, nowMs) {
      const generation = graph.generations.get(number);
      if (generation?.row.state === "building") generation.row = { ...generation.row, aliveMs: nowMs };
    },
    async drop(number, signal) {
      signal?.throwIfAborted();
      if (graph.generations.get(number)?.row.state !== "live") graph.generations.delete(number);
    },
    async places(number, signal) {
      signal?.throwIfAborted();
      const parts = graph.generations.get(number)?.parts.values() ?? [];
      return [...parts].map(({ place }) => place).filter((place) => place !== undefined);
    },
    async keepToken(number, resumeToken) {
      const generation = graph.generations.get(number);
      if (generation !== undefined) generation.row = { ...generation.row, resumeToken };
    },
    project: ({ generation: number, module, after }, work) =>
      alone(`${number}/${module}`, async () => {
        const generation = graph.generations.get(number);
        if (generation === undefined) return undefined;
        const part = copyOf(generation.parts.get(module) ?? emptyPart());
        if ((part.place?.position ?? 0) !== after) return part.place ?? nowhere(module);
        part.place = await work(transactionOn(part));
        generation.parts.set(module, part);
        return graph.generations.has(number) ? part.place : undefined;
      }),
    async scanNodes(scan) {
      return page(partOf(scan).nodes, scan);
    },
    async scanEdges(scan) {
      return page(partOf(scan).edges, scan);
    },
    async scanNames({ after, limit, ...of }) {
      const order = inTurn(
        ...(["entity", "kind", "key", "form"] as const).map((field) =>
          ascending((row: NonNullable<typeof after>) => row[field]),
        ),
      );
      return pageAfter([...partOf(of).names.values()], order, after, limit);
    },
    async naming(generation, module) {
      return graph.generations.get(generation)?.parts.get(module)?.naming ?? NO_NAMING;
    },
  };
}

/** Where a module stands that has taken no step. */
function nowhere(module: string): Place {
  return { module, position: 0, epoch: "", atMs: 0 };
}

function page<Row extends { readonly id: string }>(rows: Map<string, Row>, { after, limit }: ScanPart): Row[] {
  const order = ascending<{ readonly id: string }>(({ id }) => id);
  return [...rows.values()]
    .filter((row) => order(row, { id: after }) > 0)
    .sort(order)
    .slice(0, limit);
}

const byPosition = inTurn<{ readonly position: number; readonly id: string }>(
  ascending(({ position }) => position),
  ascending(({ id }) => id),
);

/** What a step may do, on a part of its own. */
function transactionOn(part: Part): ProjectionTransaction {
  const references = () => [...part.edges.values()].filter(isReference);
  return {
    readNaming: async () => part.naming,
    writeNaming: async (naming) => {
      part.naming = structuredClone(naming);
    },
    readNodes: async (ids) => [...part.nodes.values()].filter(({ id }) => ids.includes(id)),
    readEdges: async (ids) => [...part.edges.values()].filter(({ id }) => ids.includes(id)),
    readEdgesAt: async (nodes, types) =>
      [...part.edges.values()].filter(
        ({ type, from, to }) => types.includes(type) && (nodes.includes(from) || nodes.includes(to)),
      ),
    readReferencesOf: async (memories) => references().filter(({ from }) => memories.includes(from)),
    readReferencesTo: async (entity, after, limit) =>
      references()
        .filter((row) => row.to === entity && byPosition(row, after) > 0)
        .sort(byPosition)
        .slice(0, limit),
    readFirstReferences: async (entities) =>
      entities.flatMap((entity) =>
        references()
          .filter(({ to }) => to === entity)
          .sort(byPosition)
          .slice(0, 1),
      ),
    readSessionEnds: async (sessions) =>
      sessions.flatMap((session) =>
        [...part.nodes.values()]
          .filter((node) => isMemory(node) && !node.forgotten && node.session === session)
          .sort(descending(({ position }) => position))
          .slice(0, 1),
      ),
    write: async (delta: GraphDelta) => applyDelta(part, delta),
    addFault: async (fault) => void part.faults.set(fault.position, fault),
  };
}

/** Whether a node stands for a memory. */
export function isMemory({ label }: NodeRow): boolean {
  return label === "LogEntry" || label === "Prompt";
}

/** Whether an edge is a memory's own reference, with its mention. */
export function isReference(row: EdgeRow): row is ReferenceRow {
  return row.type === "REFERENCES" && row.mention !== undefined;
}
