import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { applyEvents } from "#services/graph/projection/apply-events.ts";
import type { LogEvent } from "#services/graph/projection/log-event.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";

export const MODULE = "cc";

/** A graph that has seen nothing; its first generation is live. */
export async function emptyGraph(): Promise<GraphStore> {
  const store = openMemoryGraph();
  await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
  return store;
}

/** Projects the events in steps that end after the positions in `cuts`, and after the last. */
export async function project(
  store: GraphStore,
  events: readonly LogEvent[],
  cuts: readonly number[] = [],
  from = 0,
): Promise<void> {
  const last = from + events.length;
  const ends = [...new Set([...cuts.filter((cut) => cut > from && cut < last), last])].sort((a, b) => a - b);
  let after = from;
  for (const end of ends) {
    const place = { module: MODULE, position: end, epoch: "e", atMs: end };
    await store.project({ generation: 1, module: MODULE, after }, async (transaction) => {
      await applyEvents(transaction, MODULE, events.slice(after - from, end - from), 7);
      return place;
    });
    after = end;
  }
}

/** All that a graph holds, less when it changed. */
export async function holdings(store: GraphStore) {
  const part = { generation: 1, module: MODULE, after: "", limit: 10_000 };
  const unchanged = <Row extends { changed: number }>(rows: Row[]) => rows.map((row) => ({ ...row, changed: 0 }));
  return {
    nodes: unchanged(await store.scanNodes(part)),
    edges: unchanged(await store.scanEdges(part)),
    names: await store.scanNames({ ...part, after: undefined }),
    naming: await store.naming(1, MODULE),
  };
}
