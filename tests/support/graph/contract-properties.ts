import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Change, GraphStore } from "#services/graph/domain/graph-store.ts";
import { type Scope, scopeOf } from "#shared/auth/scope.ts";
import { askGraph } from "./ask-graph.ts";
import { allPages, type OpenGraph } from "./contract-case.ts";
import { changePlace } from "./contract-changes.ts";
import { openMemoryGraph } from "./memory-graph-store.ts";
import { type Operation, type Sequence, sequences } from "./operations.ts";
import { deltaOf, placeAt } from "./rows.ts";
import { takeStep } from "./take-step.ts";
import { fullDelta, MODULES } from "./universe.ts";

const BOTH = scopeOf(MODULES);

/** Random sequences give the same answers as the model, operation by operation, and leave the same behind. */
export function propertiesContract(open: OpenGraph, numRuns: number): void {
  describe("any sequence of operations", () => {
    test(
      `gives the answers of the model, and leaves the graph of the model (${numRuns} sequences)`,
      () => sameAsModel(open, { numRuns }),
      600_000,
    );
  });
}

/** Rejects with the shortest sequence it finds whose answers differ. */
export async function sameAsModel(open: OpenGraph, parameters: fc.Parameters<[Sequence]>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(sequences, async (sequence) => {
      const opened = await open();
      try {
        await compare(opened.store, openMemoryGraph(), sequence);
      } finally {
        await opened.close();
      }
    }),
    parameters,
  );
}

async function compare(store: GraphStore, model: GraphStore, { filled, operations, reads }: Sequence): Promise<void> {
  const build = { purpose: "rebuild", extractorVersion: 1, nowMs: 1_760_000_000_000 } as const;
  expect(await store.begin(build)).toEqual(await model.begin(build));
  if (filled) for (const one of [store, model]) await fill(one);
  for (const operation of [...operations, ...reads]) {
    const answer = await perform(store, operation);
    expect(answer).toEqual(await perform(model, operation));
  }
  expect(await all(store, BOTH)).toEqual(await all(model, BOTH));
}

async function fill(store: GraphStore): Promise<void> {
  for (const [index, module] of MODULES.entries()) {
    await store.project({ generation: 1, module, after: 0 }, async (transaction) => {
      await transaction.write(deltaOf(1, fullDelta(index)));
      return placeAt(module, 1);
    });
  }
}

async function perform(store: GraphStore, operation: Operation): Promise<unknown> {
  switch (operation.what) {
    case "step":
      return takeStep(store, operation);
    case "read":
      return askGraph(store, scopeOf(operation.scope.map((module) => MODULES[module] as string)), operation.question);
    case "generation":
      return changeGenerations(store, operation.act);
  }
}

async function changeGenerations(store: GraphStore, act: Extract<Operation, { what: "generation" }>["act"]) {
  const building = (await store.generations()).find(({ state }) => state === "building")?.number;
  if (act === "begin") await store.begin({ purpose: "verify", extractorVersion: 2, nowMs: 1_760_000_000_001 });
  else if (act === "activate" && building !== undefined) await store.activate(building, 1_760_000_000_002);
  else if (act === "token") await store.keepToken(building ?? 1, `token of ${building}`);
  else if (act === "drop") {
    const idle = (await store.generations()).filter(({ state }) => state !== "live");
    for (const { number } of idle) await store.drop(number);
  }
  return store.generations();
}

/** All that a store holds and shows. */
async function all(store: GraphStore, scope: Scope): Promise<unknown> {
  const generations = await store.generations();
  const held = generations.flatMap(({ number }) => MODULES.map((module) => ({ generation: number, module })));
  const scans: unknown[] = [];
  for (const part of held) {
    const scan = { ...part, after: "", limit: 1_000 };
    scans.push(await store.scanNodes(scan), await store.scanEdges(scan));
    scans.push(await store.scanNames({ ...scan, after: undefined }), await store.naming(part.generation, part.module));
  }
  const shown: unknown[] = [];
  for (const module of MODULES) {
    shown.push(await store.exportEdges(scope, module, "", 1_000));
    const changes = await allPages<Change>(20, async (after) => {
      const from: Parameters<typeof store.changes>[1]["after"] =
        after === undefined ? { changed: 0, what: "removed", id: "" } : changePlace(after);
      return (await store.changes(scope, { module, after: from, limit: 20 })).changes;
    });
    shown.push(changes);
  }
  return { generations, scans, shown };
}
