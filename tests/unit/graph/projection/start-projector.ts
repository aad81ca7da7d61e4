import { afterEach } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { Projector, type ProjectorNeeds, type ProjectorTask } from "#services/graph/projection/projector.ts";
import { localScope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type MemoryGraphStore, openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import type { FakeLog } from "./fake-log.ts";
import { projectorNeeds } from "./some-projector.ts";

export const away = () => new CosError(ErrorReason.ENGINE_UNAVAILABLE, "away");
const open: Projector[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((projector) => projector.close()));
});

export async function begun(): Promise<MemoryGraphStore> {
  const store = openMemoryGraph();
  await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
  return store;
}

export function start(
  store: GraphStore,
  log: FakeLog,
  more: Partial<ProjectorNeeds> & { said?: string[] } = {},
  task: Partial<ProjectorTask> = {},
): Projector {
  const projector = new Projector(projectorNeeds(store, log, more), { generation: 1, ...task });
  open.push(projector);
  void projector.run();
  return projector;
}

export async function placeOf(store: GraphStore, module = "cc", generation = 1): Promise<number> {
  return (await store.places(generation)).find((place) => place.module === module)?.position ?? 0;
}

export const reached = (store: GraphStore, position: number, module = "cc") =>
  eventually(async () => (await placeOf(store, module)) === position);

export async function memories(store: GraphStore, module = "cc"): Promise<number[]> {
  const nodes = await store.exportNodes(localScope(), module, "", 10_000);
  return nodes
    .filter(({ label, forgotten }) => label === "LogEntry" && !forgotten)
    .map(({ position }) => position)
    .toSorted((a, b) => a - b);
}

/** Counts the steps that are taken, and lets a test look into each. */
export function watched(store: GraphStore, look: (after: number) => Promise<void> | void = () => undefined) {
  const steps: string[] = [];
  const project: GraphStore["project"] = async (step, work) => {
    await look(step.after);
    const place = await store.project(step, work);
    steps.push(`${step.module} ${step.after}-${place?.position}`);
    return place;
  };
  return { steps, store: { ...bound(store), project } };
}

/** The model answers through a proxy; a copy keeps its functions. */
function bound(store: GraphStore): GraphStore {
  const { engine } = store;
  const names = [
    "generations",
    "places",
    "keepToken",
    "begin",
    "activate",
    "drop",
    "livePlaces",
    "exportNodes",
    "faults",
    "project",
  ];
  const functions = names.map((name) => {
    const call = (...args: unknown[]) =>
      (store as unknown as Record<string, (...a: unknown[]) => unknown>)[name]?.(...args);
    return [name, call];
  });
  return { engine, ...Object.fromEntries(functions) } as GraphStore;
}
