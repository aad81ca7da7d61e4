import { afterEach } from "@jest/globals";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { Projection, type ProjectionNeeds, type ProjectionTimes } from "#services/graph/projection/projection.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { type FakeLog, openFakeLog } from "./fake-log.ts";
import { projectorNeeds } from "./some-projector.ts";

const TIMES: ProjectionTimes = {
  watchMs: 5,
  dropAfterMs: 0,
  orphanMs: 60_000,
  lookMs: 2,
  holdMaxMs: 5_000,
  renewMs: 1,
  aliveMs: 5,
};
const open: Projection[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((projection) => projection.close()));
});

export function start(
  store: GraphStore,
  log: FakeLog,
  more: Partial<ProjectionNeeds> & { said?: string[] } = {},
): Projection {
  const projection = new Projection({
    ...projectorNeeds(store, log, more),
    store,
    extractorVersion: 2,
    times: { ...TIMES, ...more.times },
  });
  open.push(projection);
  projection.open();
  return projection;
}

export async function placeOf(store: GraphStore, module = "cc"): Promise<number> {
  const places = await store.livePlaces(localScope());
  return places.find((place) => place.module === module)?.position ?? 0;
}

export const reached = (store: GraphStore, position: number, module = "cc") =>
  eventually(async () => (await placeOf(store, module)) === position);

export const states = async (store: GraphStore) =>
  (await store.generations()).map(({ number, state }) => `${number} ${state}`);

/** A graph that is kept up with a log of some memories. */
export async function running(more: Partial<ProjectionNeeds> & { said?: string[] } = {}) {
  const [store, log] = [openMemoryGraph(), openFakeLog()];
  log.append("cc", ...Array.from({ length: 25 }, (_, n) => `Anna met Bert ${n}`));
  log.append("pepys", "Anna", "Carl met Dora");
  const projection = start(store, log, more);
  await reached(store, 25);
  await reached(store, 2, "pepys");
  return { store, log, projection };
}

/** Another graph than the log's: a node is changed behind the projection's back. */
export async function tamper(store: GraphStore): Promise<void> {
  const place = (await store.places(1)).find(({ module }) => module === "cc");
  if (place === undefined) throw new Error("no place");
  await store.project({ generation: 1, module: "cc", after: place.position }, async (transaction) => {
    const [anna] = await store.findNodes(localScope(), {
      labels: ["Entity"],
      name: "Anna",
      module: "cc",
      properties: {},
      limit: 1,
    });
    if (anna === undefined) throw new Error("no Anna");
    const nothing = {
      putNodes: [],
      renameNodes: [],
      deleteNodes: [],
      putEdges: [],
      addEdges: [],
      deleteEdges: [],
      addNames: [],
    };
    await transaction.write({ ...nothing, addNodes: [{ ...anna, count: 7 }], position: place.position });
    return place;
  });
}

/** Takes its time over each step. */
export function slowly(apply: ProjectionNeeds["apply"]): ProjectionNeeds["apply"] {
  return async (...args) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await apply(...args);
  };
}
