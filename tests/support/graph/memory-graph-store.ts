// The model of the graph's port: what the engines are compared with, and the graph of tests that need none of them.
//
// It keeps all in maps and works every answer out of everything, so that it can be read beside the port, sentence by sentence.
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { type MemoryGraph, projectionOf } from "./memory-graph-projection.ts";
import { readerOf } from "./memory-graph-reads.ts";

export interface MemoryGraphStore extends GraphStore {
  /** From now on every call is rejected with this, as by an engine that is away; undefined: it is back. */
  failWith(error: Error | undefined): void;
}

/** A graph in memory, empty; nothing was begun. */
export function openMemoryGraph(): MemoryGraphStore {
  const graph: MemoryGraph = { generations: new Map(), begun: 0 };
  let failure: Error | undefined;
  const fail = (error: Error | undefined) => {
    failure = error;
  };
  const store: GraphStore = {
    engine: "postgres",
    ...projectionOf(graph),
    ...readerOf(graph),
    ready: async (signal) => signal?.throwIfAborted(),
    close: async () => undefined,
  };
  return new Proxy(store as MemoryGraphStore, {
    get(target, name, receiver) {
      if (name === "failWith") return fail;
      const value: unknown = Reflect.get(target, name, receiver);
      if (failure === undefined || typeof value !== "function" || name === "close") return value;
      const error = failure;
      return async () => {
        throw error;
      };
    },
  });
}
