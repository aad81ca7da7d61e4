import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  GetProjectionRequestSchema,
  RebuildProjectionRequestSchema,
  VerifyProjectionRequestSchema,
} from "#gen/cos/graph/v1/projection_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { getProjection } from "#services/graph/handlers/get-projection.ts";
import { rebuildProjection } from "#services/graph/handlers/rebuild-projection.ts";
import { verifyProjection } from "#services/graph/handlers/verify-projection.ts";
import { Projection } from "#services/graph/projection/projection.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openFakeLog } from "#tests/unit/graph/projection/fake-log.ts";
import { projectorNeeds } from "#tests/unit/graph/projection/some-projector.ts";

import { callBy, collect, ends, failure, granted, graph } from "./running-graph.ts";

describe("GetProjection", () => {
  test("tells where each module stands, and what was passed over", async () => {
    const { reached: _, ...needs } = await graph();
    const answer = await getProjection(needs)(create(GetProjectionRequestSchema), callBy(localAccess()));
    expect(answer).toMatchObject({
      generation: 1,
      extractorVersion: 3,
      extractorVersionAvailable: 3,
      engine: "postgres",
      connected: true,
    });
    const { modules } = answer as { modules: { cursor?: { module: string } }[] };
    expect(modules.map(({ cursor }) => cursor?.module)).toEqual(["cc", "pepys"]);
    expect(modules[0]).toMatchObject({
      cursor: { position: 3n, epoch: "e1" },
      head: 3n,
      lagPositions: 0n,
      lag: { seconds: 0n, nanos: 0 },
      parkedCount: 1n,
      parked: [{ position: 3n, error: "RangeError", attempts: 5 }],
    });
  });

  test("of one module tells of that, and of none that the caller may not read", async () => {
    const needs = await graph();
    const get = getProjection(needs);
    const one = await get(create(GetProjectionRequestSchema, { module: "pepys" }), callBy(localAccess()));
    expect((one as { modules: unknown[] }).modules).toHaveLength(1);
    const some = await get(create(GetProjectionRequestSchema), callBy(granted("cc")));
    expect(
      (some as { modules: { cursor?: { module: string } }[] }).modules.map(({ cursor }) => cursor?.module),
    ).toEqual(["cc"]);
    for (const module of ["pepys", "nowhere"]) {
      const refused = await failure(get(create(GetProjectionRequestSchema, { module }), callBy(granted("cc"))));
      expect(refused.reason).toBe(ErrorReason.MODULE_NOT_FOUND);
    }
  });

  test("waits for a cursor", async () => {
    const { log, ...needs } = await graph();
    const atLeast = create(CursorSchema, { module: "cc", position: 4n });
    const answer = getProjection(needs)(
      create(GetProjectionRequestSchema, { atLeast, module: "cc" }),
      callBy(localAccess()),
    );
    log.append("cc", "Dora");
    expect((await answer) as object).toMatchObject({ modules: [{ cursor: { position: 4n } }] });
  });

  test("tells of a build that runs", async () => {
    const needs = await graph();
    const build = await needs.projection.rebuild();
    const answer = await getProjection(needs)(create(GetProjectionRequestSchema), callBy(localAccess()));
    expect(answer).toMatchObject({ building: { generation: 2, purpose: "rebuild", done: false } });
    await build.verdicts;
  });

  test("how far a build is counts all modules, and is told to those who may read all", async () => {
    const needs = await graph();
    const building = { generation: 2, purpose: "rebuild", projected: 3, total: 4, beganMs: 1, done: false } as const;
    const projection = { figureOf: () => undefined, status: { ...needs.projection.status, building } };
    const get = getProjection({ ...needs, projection });
    const request = create(GetProjectionRequestSchema);
    expect(await get(request, callBy(localAccess()))).toMatchObject({ building: { projected: 3n, total: 4n } });
    expect(await get(request, callBy(granted("cc")))).toMatchObject({
      building: { generation: 2, projected: 0n, total: 0n },
    });
  });

  test("tells of the lag", async () => {
    const needs = await graph();
    const figure = { module: "cc", place: undefined, head: 10, lagPositions: 7, lagMs: 1500 };
    const projection = { status: needs.projection.status, figureOf: () => figure };
    const answer = await getProjection({ ...needs, projection })(
      create(GetProjectionRequestSchema, { module: "cc" }),
      callBy(localAccess()),
    );
    expect(answer).toMatchObject({
      modules: [{ head: 10n, lagPositions: 7n, lag: { seconds: 1n, nanos: 500_000_000 } }],
    });
  });

  test("before anything was projected there is little to tell", async () => {
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    const projection = new Projection({ ...projectorNeeds(store, log), store, extractorVersion: 3 });
    const get = getProjection({ store, projection, awaitPlace: async () => undefined, extractorVersion: 3 });
    expect(await get(create(GetProjectionRequestSchema), callBy(localAccess()))).toMatchObject({
      generation: 0,
      modules: [],
      connected: false,
    });
    projection.open();
    ends.push(() => projection.close());
    await eventually(() => projection.status.modules.length > 0);
    expect(await get(create(GetProjectionRequestSchema), callBy(localAccess()))).toMatchObject({
      modules: [{ cursor: { module: "cc", position: 0n, epoch: "" }, head: 0n }],
    });
  });
});

describe("RebuildProjection and VerifyProjection", () => {
  test("tell how far they are, and at last that they are done", async () => {
    const needs = await graph();
    const frames = await collect(
      rebuildProjection(needs)(create(RebuildProjectionRequestSchema), callBy(localAccess())),
    );
    expect(frames[0]).toMatchObject({ progress: { generation: 2, purpose: "rebuild", done: false } });
    expect(frames.at(-1)).toMatchObject({ progress: { projected: 4n, total: 4n, done: true } });
    const verified = await collect(
      verifyProjection(needs)(create(VerifyProjectionRequestSchema), callBy(localAccess())),
    );
    expect(verified.at(-1)).toMatchObject({
      progress: { done: true },
      verdicts: [
        { cursor: { module: "cc", position: 3n }, equal: true },
        { cursor: { module: "pepys", position: 1n }, equal: true },
      ],
    });
  });

  test("one runs already", async () => {
    const needs = await graph();
    const first = rebuildProjection(needs)(create(RebuildProjectionRequestSchema), callBy(localAccess()))[
      Symbol.asyncIterator
    ]();
    await first.next();
    const second = verifyProjection(needs)(create(VerifyProjectionRequestSchema), callBy(localAccess()));
    expect((await failure(collect(second))).reason).toBe(ErrorReason.REBUILD_RUNNING);
    while (!(await first.next()).done);
  });

  test("a rebuild goes on when its caller leaves, a comparison does not", async () => {
    const needs = await graph();
    const leave = async (frames: AsyncIterable<unknown>) => {
      const iterator = frames[Symbol.asyncIterator]();
      await iterator.next();
      await iterator.return?.();
    };
    await leave(
      verifyProjection(needs)(create(VerifyProjectionRequestSchema, { module: "cc" }), callBy(localAccess())),
    );
    expect((await needs.store.generations()).map(({ state }) => state)).toEqual(["live"]);
    await leave(rebuildProjection(needs)(create(RebuildProjectionRequestSchema), callBy(localAccess())));
    await eventually(async () => (await needs.store.live())?.number === 3);
  });

  test("a module that is not there cannot be compared", async () => {
    const needs = await graph();
    const frames = verifyProjection(needs)(
      create(VerifyProjectionRequestSchema, { module: "nowhere" }),
      callBy(localAccess()),
    );
    expect((await failure(collect(frames))).reason).toBe(ErrorReason.MODULE_NOT_FOUND);
  });

  test("both end with the process", async () => {
    const needs = await graph();
    needs.streams.drain();
    const rebuild = rebuildProjection(needs)(create(RebuildProjectionRequestSchema), callBy(localAccess()));
    expect((await failure(collect(rebuild))).reason).toBe(ErrorReason.DRAINING);
    await eventually(() => needs.projection.status.building === undefined);
    const verify = verifyProjection(needs)(create(VerifyProjectionRequestSchema), callBy(localAccess()));
    expect((await failure(collect(verify))).reason).toBe(ErrorReason.DRAINING);
    expect(needs.projection.status.building).toBeUndefined();
  });

  test("a caller that has gone away hears no more", async () => {
    const needs = await graph();
    const gone = AbortSignal.abort(new Error("gone"));
    const frames = rebuildProjection(needs)(create(RebuildProjectionRequestSchema), callBy(localAccess(), gone));
    expect((await failure(collect(frames))).message).toBe("gone");
  });
});
