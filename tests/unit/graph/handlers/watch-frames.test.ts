import { describe, expect, test } from "@jest/globals";
import type { Change } from "#services/graph/domain/graph-store.ts";
import { framesOf, placeOfChange, type Telling } from "#services/graph/handlers/watch-frames.ts";
import { rowsOf } from "#tests/support/graph/rows.ts";

const telling: Telling = { module: "cc", epoch: "e1", generation: 2, named: 3, labels: [], unknownUpTo: 0 };
const rows = rowsOf("cc");
const node = (id: string, changed: number, more: object = {}): Change => ({
  what: "node",
  node: rows.entity(id, { id, changed, ...more }),
});
const removed = (id: string, changed: number): Change => ({ what: "removed", id, changed });
const edge = (id: string, changed: number): Change => ({
  what: "edge",
  edge: rows.edge("RELATES_TO", rows.entity("a"), rows.entity("b"), { id, changed }),
});

describe("the frames of changes", () => {
  test("tell what was added, changed and removed, up to the position that is complete", () => {
    const changes = [removed("r", 4), node("a", 5), edge("e", 6)];
    const [frame, ...more] = framesOf({ changes, position: 9 }, telling);
    expect(more).toEqual([]);
    expect(frame).toMatchObject({ cursor: { module: "cc", position: 9n, epoch: "e1" }, generation: 2, removed: ["r"] });
    expect(frame?.nodes.map(({ id }) => id)).toEqual(["a"]);
    expect(frame?.relationships.map(({ id }) => id)).toEqual(["e"]);
    expect(changes.map(placeOfChange)).toEqual([
      { changed: 4, what: "removed", id: "r" },
      { changed: 5, what: "node", id: "a" },
      { changed: 6, what: "edge", id: "e" },
    ]);
  });

  test("hold nodes of the wanted labels alone, but every relationship and removal", () => {
    const changes = [removed("r", 4), node("a", 5), node("b", 5, { label: "Source" }), edge("e", 6)];
    const [frame] = framesOf({ changes, position: 6 }, { ...telling, labels: ["Source"] });
    expect(frame?.nodes.map(({ id }) => id)).toEqual(["b"]);
    expect([frame?.removed, frame?.relationships.length]).toEqual([["r"], 1]);
    expect(framesOf({ changes: [node("a", 5)], position: 6 }, { ...telling, labels: ["Source"] })).toEqual([]);
  });

  test("never say two things of one id: what was removed and came again is told by two, in their order", () => {
    const changes = [removed("a", 10), removed("b", 10), edge("e", 11), node("a", 12), node("b", 12), node("c", 13)];
    const frames = framesOf({ changes, position: 14 }, telling);
    const told = frames.map((frame) => [frame.removed, frame.nodes.map(({ id }) => id), frame.relationships.length]);
    expect(told).toEqual([
      [["a", "b"], [], 1],
      [[], ["a", "b", "c"], 0],
    ]);
    expect(frames.map(({ cursor }) => cursor?.position)).toEqual([10n, 14n]);
  });

  test("leave out the removal of what was never told", () => {
    const [frame] = framesOf(
      { changes: [removed("old", 4), removed("new", 8)], position: 8 },
      { ...telling, unknownUpTo: 7 },
    );
    expect(frame?.removed).toEqual(["new"]);
  });

  test("stay small, and name a position only when all of it has been sent", () => {
    const properties = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`p${n}`, "x".repeat(1000)]));
    const heavy = (id: string, changed: number) => node(id, changed, { origin: "manual", properties });
    const changes = [
      ...Array.from({ length: 20 }, (_, n) => heavy(`a${n}`, 4)),
      ...Array.from({ length: 20 }, (_, n) => heavy(`b${n}`, 6)),
    ];
    const frames = framesOf({ changes, position: 6 }, telling);
    expect(frames.length).toBeGreaterThan(2);
    expect(frames[0]?.cursor?.position).toBe(3n);
    expect(frames.at(-1)?.cursor?.position).toBe(6n);
    const named = frames.map(({ cursor }) => Number(cursor?.position));
    expect(named).toEqual(named.toSorted((a, b) => a - b));
    expect(frames.flatMap(({ nodes }) => nodes)).toHaveLength(40);
  });
});
