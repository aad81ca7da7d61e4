import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CursorSchema, GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { openAwaitPlace } from "#services/graph/projection/await-place.ts";
import type { Projection } from "#services/graph/projection/projection.ts";
import { accessRevoked } from "#shared/auth/refusals.ts";
import { eventually } from "#tests/support/mesh-wait.ts";

import { failure, granted, graph } from "./running-graph.ts";
import { beginning, cursors, from, names, type Start, storeWith, watch } from "./watch.ts";

describe("WatchGraph", () => {
  test("X1, X3: from the beginning tells all there is, in pages, then that it is live", async () => {
    const needs = await graph();
    const { until } = watch(needs, beginning);
    const [started, ...rest] = await until("caughtUp");
    expect(started).toMatchObject({
      case: "started",
      value: { epoch: "e1", progress: [{ cursor: { module: "cc", position: 0n }, head: 3n }] },
    });
    expect(names(rest)).toEqual(expect.arrayContaining(["Anna met Bert", "Anna", "Bert"]));
    expect(cursors(rest).length).toBeGreaterThan(1);
    expect(cursors(rest).at(-1)).toBe(3);
    expect(rest.at(-1)).toMatchObject({ case: "caughtUp", value: { all: true, cursors: [{ position: 3n }] } });
  });

  test("from now on tells what changes, as it does", async () => {
    const needs = await graph();
    const { until, next } = watch(needs);
    expect(names(await until("caughtUp"))).toEqual([]);
    needs.log.append("cc", "Emil met Bert");
    const seen = await until("changes");
    for (let frame = await next(); frame.case === "changes"; frame = await next()) {
      seen.push(frame);
      if (cursors([frame])[0] === 4) break;
    }
    expect(names(seen)).toEqual(expect.arrayContaining(["Emil", "Bert"]));
    expect(names(seen)).not.toContain("Anna");
    expect(cursors(seen).at(-1)).toBe(4);
  });

  test("resumes above a cursor, without a gap", async () => {
    const needs = await graph({ pageRows: 500 });
    const { until } = watch(needs, from(1, { generation: 1 }));
    const seen = await until("caughtUp");
    expect(names(seen)).toEqual(expect.arrayContaining(["Bert"]));
    expect(names(seen)).not.toContain("Anna");
  });

  test("a place that moved without a change is told before it is live", async () => {
    const needs = await graph();
    // There is nothing of that label.
    const { until } = watch(needs, from(2, { labels: ["Concept"] }));
    const seen = await until("caughtUp");
    expect(seen.map(({ case: kind }) => kind)).toEqual(["started", "changes", "checkpoint", "caughtUp"]);
    expect(seen[2]).toMatchObject({ value: { progress: [{ cursor: { position: 3n }, after: 2n }] } });
  });

  test("X2: of another generation than that of the cursor it tells everything anew", async () => {
    const needs = await graph();
    const { until } = watch(needs, from(3, { generation: 7 }));
    const seen = await until("caughtUp");
    expect(seen.map(({ case: kind }) => kind).slice(0, 2)).toEqual(["started", "reset"]);
    expect(seen[1]).toMatchObject({ value: { generation: 1 } });
    expect(names(seen)).toContain("Anna");
  });

  test("X2: a rebuild in the middle is told, and everything follows", async () => {
    const needs = await graph();
    const { until } = watch(needs);
    await until("caughtUp");
    await (await needs.projection.rebuild()).verdicts;
    const [reset] = (await until("reset")).slice(-1);
    expect(reset).toMatchObject({ value: { generation: 2 } });
    const seen = await until("caughtUp");
    expect(names(seen)).toContain("Anna");
    expect(seen.every((frame) => frame.case !== "changes" || frame.value.generation === 2)).toBe(true);
  });

  test("nodes of some labels alone", async () => {
    const needs = await graph();
    const { until } = watch(needs, { ...beginning, labels: ["Source"] });
    expect(names(await until("caughtUp"))).toEqual(["test"]);
  });

  test("a module of which nothing was recorded yet can be watched", async () => {
    const needs = await graph();
    needs.log.append("drafts");
    await eventually(() => needs.projection.figureOf("drafts") !== undefined);
    const { until } = watch(needs, { module: "drafts" });
    const [started] = await until("caughtUp");
    expect(started).toMatchObject({ value: { epoch: "", progress: [{ cursor: { module: "drafts", position: 0n } }] } });
    needs.log.append("drafts", "Emil");
    const seen = await until("changes");
    while (cursors(seen).at(-1) === 0) seen.push(...(await until("changes")));
    expect(cursors(seen).at(-1)).toBe(1);
    expect(names(seen)).toContain("Emil");
  });

  test("X2: what was read while another generation came is of neither, and is not told", async () => {
    const needs = await graph();
    let looks = 0;
    // The start and one turn see the first; in the middle of the next turn there is another one.
    const live = async () => {
      const row = await needs.store.live();
      looks += 1;
      return row && { ...row, number: looks > 2 ? 5 : 1 };
    };
    const { until } = watch(
      { ...needs, store: { live, livePlaces: needs.store.livePlaces, changes: needs.store.changes } as never },
      beginning,
    );
    const seen = await until("caughtUp");
    expect(seen.map(({ case: kind }) => kind).slice(0, 3)).toEqual(["started", "changes", "reset"]);
    expect(seen[2]).toMatchObject({ value: { generation: 5 } });
    expect(names(seen)).toContain("Anna");
  });

  test("X2: after its start it tells the generation, with nothing in it", async () => {
    const needs = await graph();
    const { next } = watch(needs);
    expect([(await next()).case, await next()]).toMatchObject([
      "started",
      {
        case: "changes",
        value: { generation: 1, cursor: { position: 3n }, nodes: [], relationships: [], removed: [] },
      },
    ]);
  });

  test("X4: so does one of which the labels leave nothing", async () => {
    const needs = await graph({ pageRows: 1 });
    const slow: typeof needs.store.changes = async (...asked) => {
      await delay(10);
      return needs.store.changes(...asked);
    };
    const { until } = watch(
      { ...needs, store: storeWith(needs, { changes: slow }) },
      { ...beginning, labels: ["Concept"], heartbeat: durationFromMs(20) },
    );
    const beats = (await until("caughtUp")).filter(({ case: kind }) => kind === "checkpoint");
    expect(beats.length).toBeGreaterThan(2);
    expect(beats[0]).toMatchObject({ value: { progress: [{ live: false }] } });
  });

  test("X4, X5: and one that waits for its cursor, which the end of the process leaves", async () => {
    const needs = await graph();
    const proveCursor = async () => undefined;
    const awaitPlace = openAwaitPlace({ ...needs, proveCursor, times: { marginMs: 5 } });
    const { until, frames } = watch({ ...needs, awaitPlace }, from(99, { heartbeat: durationFromMs(20) }));
    await until("checkpoint");
    expect(await until("checkpoint")).toMatchObject([
      { value: { progress: [{ cursor: { position: 99n }, live: false }] } },
    ]);
    const away = until("goAway");
    needs.streams.drain();
    await away;
    expect((await failure(frames.next())).reason).toBe(ErrorReason.DRAINING);
  });

  test("X6: what happens in other modules costs no look at the store", async () => {
    const needs = await graph();
    let looks = 0;
    const livePlaces: typeof needs.store.livePlaces = async (...asked) => {
      looks += 1;
      return needs.store.livePlaces(...asked);
    };
    const { until, next } = watch({ ...needs, lookMs: 60_000, store: storeWith(needs, { livePlaces }) });
    await until("caughtUp");
    const before = looks;
    const news = next();
    for (let position = 2; position < 6; position += 1) {
      needs.log.append("pepys", "Emil");
      await needs.reached(position, "pepys");
    }
    expect(looks).toBe(before);
    needs.log.append("cc", "Emil");
    expect((await news).case).toBe("changes");
  });

  test("X6: and neither does a generation that this process projects and the store has left, or not yet", async () => {
    const needs = await graph();
    let looks = 0;
    const live: typeof needs.store.live = async () => {
      looks += 1;
      const row = await needs.store.live();
      return row && { ...row, number: 9 };
    };
    const { until, next } = watch({ ...needs, lookMs: 60_000, store: storeWith(needs, { live }) });
    await until("caughtUp");
    const before = looks;
    void next().catch(() => undefined);
    await delay(30);
    expect(looks).toBe(before);
  });

  test("X4: a quiet stream has a heartbeat", async () => {
    const needs = await graph();
    const { until } = watch(needs, { heartbeat: durationFromMs(15) });
    await until("caughtUp");
    const [beat] = (await until("checkpoint")).slice(-1);
    expect(beat).toMatchObject({
      value: { progress: [{ cursor: { position: 3n }, after: 3n, head: 3n, live: true }] },
    });
  });

  test("X5: ends with the process, and so do those that come later", async () => {
    const needs = await graph();
    const { until, frames } = watch(needs);
    await until("caughtUp");
    const away = until("goAway");
    needs.streams.drain();
    expect((await away).at(-1)).toMatchObject({ value: { reason: GoAway_Reason.DRAINING } });
    expect((await failure(frames.next())).reason).toBe(ErrorReason.DRAINING);
    const late = watch(needs);
    expect((await late.until("goAway")).map(({ case: kind }) => kind)).toEqual(["started", "changes", "goAway"]);
  });

  test("X5: ends when it is old", async () => {
    const needs = await graph({ ageMaxMs: 30 });
    const { until } = watch(needs);
    expect((await until("goAway")).at(-1)).toMatchObject({ value: { reason: GoAway_Reason.CONNECTION_AGE } });
  });

  test("X5: ends when its caller may not read the module any more, and says nothing new before", async () => {
    const needs = await graph();
    const editor = granted("cc", "pepys");
    const { until, frames } = watch(needs, {}, editor);
    await until("caughtUp");
    const away = until("goAway");
    editor.update({ ...editor.principal, grants: new Map([["pepys", Verb.READ]]) });
    needs.log.append("cc", "Zacharias");
    const seen = await away;
    expect(names(seen)).toEqual([]);
    expect(seen.at(-1)).toMatchObject({ value: { reason: GoAway_Reason.ACCESS_CHANGED } });
    expect((await failure(frames.next())).reason).toBe(ErrorReason.ACCESS_CHANGED);
  });

  test("X5: and when its token was revoked", async () => {
    const needs = await graph();
    const editor = granted("cc");
    const { until, frames } = watch(needs, {}, editor);
    await until("caughtUp");
    const away = until("goAway");
    editor.end(accessRevoked());
    await away;
    expect((await failure(frames.next())).reason).toBe(ErrorReason.TOKEN_REVOKED);
  });

  test("ends when its caller leaves", async () => {
    const needs = await graph();
    const { until, frames, leave } = watch(needs);
    await until("caughtUp");
    const over = frames.next();
    leave();
    expect((await over).done).toBe(true);
  });

  test("a module that is not there, for this caller or at all, is told in the same words", async () => {
    const needs = await graph();
    const told = [
      await failure(watch(needs, { module: "nowhere" }).next()),
      await failure(watch(needs, { module: "pepys" }, granted("cc")).next()),
    ];
    expect(told.map(({ message }) => message)).toEqual(['there is no module "nowhere"', 'there is no module "pepys"']);
  });

  test("a cursor of another module, and one above the head, are refused", async () => {
    const needs = await graph();
    const foreign: Start = {
      start: { case: "cursor", value: create(CursorSchema, { module: "pepys", position: 1n }) },
    };
    expect(await failure(watch(needs, foreign).next())).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      fields: [{ field: "cursor.module" }],
    });
    const above = watch(needs, from(99));
    await above.until("changes");
    expect((await failure(above.next())).reason).toBe(ErrorReason.CURSOR_ABOVE_HEAD);
  });

  test("what another process projects is seen as well", async () => {
    const needs = await graph();
    const { until } = watch({ ...needs, projection: stuck(needs.projection) });
    await until("caughtUp");
    needs.log.append("cc", "Emil");
    expect(names(await until("changes"))).not.toEqual([]);
  });
});

/** A projection that never hears of a move. */
function stuck(projection: Projection): Projection {
  return {
    status: { ...projection.status },
    figureOf: () => undefined,
    moved: () => new Promise<void>((resolve) => setTimeout(resolve, 2)),
  } as unknown as Projection;
}
