import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Cursor, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Place } from "#services/graph/domain/graph-rows.ts";
import { openAwaitPlace } from "#services/graph/projection/await-place.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localScope, type Scope, scopeOf } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";

const at = (position: number, { epoch = "e1", module = "cc" } = {}): Cursor =>
  create(CursorSchema, { module, position: BigInt(position), epoch });

const placeAt = (position: number, epoch = "e1"): Place => ({ module: "cc", position, epoch, atMs: 1 });

/** A graph that stands at `places`, one after another each time it is looked at; the last one for good. */
function graph(
  places: (Place | undefined)[],
  more: { head?: number; prove?: (cursor: Cursor, signal: AbortSignal) => Promise<unknown> } = {},
) {
  const proven: string[] = [];
  let looks = 0;
  const wait = openAwaitPlace({
    store: {
      livePlaces: async () => {
        const place = places[Math.min(looks, places.length - 1)];
        looks += 1;
        return place === undefined ? [] : [place];
      },
    },
    projection: {
      figureOf: (module) =>
        module === "cc" ? { module, place: undefined, head: more.head ?? 100, lagPositions: 0, lagMs: 0 } : undefined,
      moved: () => new Promise((resolve) => setTimeout(resolve, 1)),
    },
    proveCursor: (cursor, signal) => {
      proven.push(`${cursor.epoch}/${cursor.position}`);
      return more.prove?.(cursor, signal) ?? Promise.resolve();
    },
    times: { pollMs: 1, doubtMs: 5, proofMs: 20, marginMs: 10 },
  });
  const call = (more: Partial<CallContext> & { forMs?: number; scope?: Scope } = {}) =>
    ({
      scope: localScope(),
      signal: new AbortController().signal,
      deadlineMs: Date.now() + (more.forMs ?? 60),
      ...more,
    }) as CallContext;
  return { wait, proven, call, looks: () => looks };
}

const refused = (reason: ErrorReason) => async (): Promise<never> => {
  throw new CosError(reason, "no");
};

describe("waiting for a place", () => {
  test("costs nothing without a cursor, and for the place before the first memory", async () => {
    const { wait, call, looks } = graph([undefined]);
    await wait(undefined, call());
    await wait(at(0), call());
    expect(looks()).toBe(0);
  });

  test("Q1, Q2: ends when the store has come to it", async () => {
    const { wait, call, looks } = graph([undefined, placeAt(3), placeAt(4), placeAt(5)]);
    await wait(at(5), call({ forMs: 5_000 }));
    expect(looks()).toBe(4);
    await wait(at(4, { epoch: "" }), call());
    await wait(create(CursorSchema, { position: 5n, epoch: "e1" }), call());
  });

  test("Q2: looks at once when this process has come to it, and not before", async () => {
    const { call } = graph([undefined]);
    let place = placeAt(3);
    let looks = 0;
    const wait = openAwaitPlace({
      store: {
        livePlaces: async () => {
          looks += 1;
          return [place];
        },
      },
      projection: {
        figureOf: () => ({ module: "cc", place, head: 9, lagPositions: 0, lagMs: 0 }),
        moved: async () => {
          place = placeAt(place.position + 1);
        },
      },
      proveCursor: async () => undefined,
      times: { pollMs: 60_000 },
    });
    await wait(at(8), call({ forMs: 60_000 }));
    expect([place.position, looks]).toEqual([8, 1]);
  });

  test("a module that the caller may not read is not there", async () => {
    const { wait, call } = graph([placeAt(5)]);
    await expect(wait(at(1), call({ scope: scopeOf(["pepys"]) }))).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
    });
  });

  test("Q4: what does not come in time is told before the deadline, with the lag", async () => {
    const { wait, call } = graph([placeAt(5)]);
    const within = call({ forMs: 40 });
    await expect(wait(at(8), within)).rejects.toThrow(/"cc" is 3 positions behind/);
    expect(Date.now()).toBeLessThan(within.deadlineMs + 1_000);
    await expect(wait(at(6), call({ forMs: 20 }))).rejects.toMatchObject({ reason: ErrorReason.PROJECTION_BEHIND });
    await expect(wait(at(6), call({ forMs: 20 }))).rejects.toThrow(/1 position behind/);
  });

  test("a caller that has left is waited for no longer", async () => {
    const { wait, call } = graph([placeAt(5)]);
    const left = AbortSignal.timeout(5);
    await expect(wait(at(8), call({ forMs: 10_000, signal: left }))).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("Q3: a cursor above the head is refused, as soon as there is a doubt", async () => {
    const { wait, call, proven } = graph([placeAt(5)], { head: 5, prove: refused(ErrorReason.CURSOR_ABOVE_HEAD) });
    await expect(wait(at(9), call({ forMs: 10_000 }))).rejects.toMatchObject({ reason: ErrorReason.CURSOR_ABOVE_HEAD });
    expect(proven).toEqual(["e1/9"]);
  });

  test("Q3: one that lies above what is known here is waited for, if the log has it", async () => {
    const { wait, call, proven } = graph([...Array.from({ length: 30 }, () => placeAt(5)), placeAt(9)], { head: 5 });
    await wait(at(9), call({ forMs: 10_000 }));
    expect(proven).toEqual(["e1/9"]);
  });

  test("Q3: one of another epoch is proven, and so is the place that it is compared with", async () => {
    const { wait, call, proven } = graph([placeAt(5)]);
    await wait(at(4, { epoch: "e0" }), call());
    expect(proven).toEqual(["e0/4", "e1/5"]);
    const lost = graph([placeAt(5)], { prove: refused(ErrorReason.CURSOR_PAST_FORK) });
    await expect(lost.wait(at(4, { epoch: "e0" }), lost.call())).rejects.toMatchObject({
      reason: ErrorReason.CURSOR_PAST_FORK,
    });
  });

  test("Q3: with the conductor away there is no answer to be had, and it waits", async () => {
    const { wait, call } = graph([placeAt(5)], { head: 5, prove: refused(ErrorReason.ENGINE_UNAVAILABLE) });
    await expect(wait(at(9), call({ forMs: 60 }))).rejects.toMatchObject({ reason: ErrorReason.PROJECTION_BEHIND });
    await expect(wait(at(4, { epoch: "e0" }), call({ forMs: 60 }))).rejects.toThrow(/being built anew/);
  });

  test("Q3, Q4: a conductor that is silent is left, and asked again later; the lag is told in time", async () => {
    const silence = (_: Cursor, signal: AbortSignal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { wait, call, proven, looks } = graph([placeAt(5)], { head: 5, prove: silence });
    const within = call({ forMs: 120 });
    await expect(wait(at(9), within)).rejects.toThrow(/"cc" is 4 positions behind/);
    expect(proven.length).toBeGreaterThan(1);
    expect(proven.length).toBeLessThan(5);
    expect(looks()).toBeGreaterThan(proven.length);
  });

  test("Q3: a place of the graph's own that lies on a history which ended is no fault of the caller's", async () => {
    const { wait, call } = graph([placeAt(5)], {
      prove: (cursor) => (cursor.epoch === "e1" ? refused(ErrorReason.CURSOR_PAST_FORK)() : Promise.resolve()),
    });
    await expect(wait(at(4, { epoch: "e2" }), call())).rejects.toMatchObject({ reason: ErrorReason.PROJECTION_BEHIND });
  });

  test("a module of which nothing is known is asked for", async () => {
    const { wait, call } = graph([undefined], { prove: refused(ErrorReason.MODULE_NOT_FOUND) });
    await expect(wait(at(1, { module: "drafts" }), call({ forMs: 10_000 }))).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
    });
  });
});
