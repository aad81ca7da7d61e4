import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { digestOf } from "#services/graph/domain/digest.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { Projection } from "#services/graph/projection/projection.ts";
import { localScope } from "#shared/auth/scope.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { type FakeLog, openFakeLog } from "#tests/unit/graph/projection/fake-log.ts";
import { projectorNeeds } from "#tests/unit/graph/projection/some-projector.ts";
import { openTestGraph } from "./open-test-graph.ts";

jest.setTimeout(60_000);

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function graph() {
  const opened = await openTestGraph({ poolMax: 8 });
  ends.push(() => opened.close());
  return { ...opened, log: openFakeLog() };
}

function start(store: GraphStore, log: FakeLog): Projection {
  const times = { watchMs: 20, dropAfterMs: 0, lookMs: 5 };
  const projection = new Projection({ ...projectorNeeds(store, log), store, extractorVersion: 1, times });
  ends.push(() => projection.close());
  projection.open();
  return projection;
}

const PEOPLE = ["Anna", "Bert", "Carl", "Dora", "Emil"];

/** Notes that name two people each. */
const notes = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => `${PEOPLE[(from + n) % 5]} met ${PEOPLE[(from + n * n) % 5]}`);

const reached = (store: GraphStore, position: number) =>
  eventually(async () => {
    // The connection may be one that was just cut.
    const places = await store.livePlaces(localScope()).catch(() => []);
    return places[0]?.position === position;
  }, 30_000);

describe("a projection into PostgreSQL", () => {
  test("G2, J2: of three that race for one log each memory is taken once, whoever dies", async () => {
    const { store, log } = await graph();
    const projections = [start(store, log), start(store, log), start(store, log)];
    for (let round = 0; round < 12; round += 1) {
      log.append("cc", ...notes(25, round));
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (round === 4 || round === 8) await projections.shift()?.close();
    }
    await reached(store, 300);
    expect((await store.memoryCounts(localScope(), ["cc"])).get("cc")).toBe(300);
    const verdicts = await (await (projections[0] as Projection).verify(undefined)).verdicts;
    expect(verdicts).toMatchObject([{ equal: true, place: { position: 300 } }]);
  });

  test("connections that are cut in the middle of steps lose nothing and double nothing", async () => {
    const { store, log, client } = await graph();
    const projection = start(store, log);
    const cut =
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'cos graph%' and datname = current_database()";
    for (let round = 0; round < 10; round += 1) {
      log.append("cc", ...notes(40, round));
      await new Promise((resolve) => setTimeout(resolve, 15));
      await client.query(cut);
    }
    await reached(store, 400);
    const verdicts = await (await projection.verify(undefined)).verdicts;
    expect(verdicts).toMatchObject([{ equal: true, place: { position: 400 } }]);
  });

  test("B1: a rebuild under load gives the same graph, and readers see none of it", async () => {
    const { store, log } = await graph();
    const projection = start(store, log);
    log.append("cc", ...notes(200));
    await reached(store, 200);
    const before = await digestOf(store, 1, "cc");
    const build = await projection.rebuild();
    await build.verdicts;
    expect(await digestOf(store, 2, "cc")).toEqual(before);
    log.append("cc", ...notes(50));
    await reached(store, 250);
    await eventually(async () => (await store.generations()).length === 1);
  });

  test("a text that the engine cannot store is parked, and the rest goes on", async () => {
    const { store, log } = await graph();
    start(store, log);
    log.append("cc", "Anna", "Bert \u0000 Carl", "Dora");
    await reached(store, 3);
    const { faults } = await store.faults(localScope(), { module: "cc", kind: "parked", limit: 5 });
    expect(faults).toMatchObject([
      { position: 2, attempts: 5, error: expect.stringMatching(/^INTERNAL, caused by .* 22/) },
    ]);
  });

  test("O2: of two processes one begins a build", async () => {
    const { store, log } = await graph();
    const [here, there] = [start(store, log), start(store, log)];
    log.append("cc", ...notes(5));
    await reached(store, 5);
    const build = await here.verify(undefined);
    await expect(there.rebuild()).rejects.toMatchObject({ reason: ErrorReason.REBUILD_RUNNING });
    await build.verdicts;
  });
});
