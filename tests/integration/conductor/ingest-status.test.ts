import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  GetIngestStatusRequestSchema,
  type GetIngestStatusResponse,
  GetIngestStatusResponseSchema,
  IngestStage,
  ProjectedState,
  PublishedState,
} from "#gen/cos/conductor/v1/ingest_pb.ts";
import { ProjectionState, ReportProjectionsRequestSchema } from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import type { HighwayView } from "#services/conductor/domain/ingest-status.ts";
import { getIngestStatus, type IngestTimes } from "#services/conductor/handlers/get-ingest-status.ts";
import { reportProjections } from "#services/conductor/handlers/report-projections.ts";
import { goodUpTo, readProjections } from "#services/conductor/store/projections/read-projections.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { scopeOf } from "#shared/auth/scope.ts";
import type { EpochHistory, EpochRecord } from "#shared/highway/log-port.ts";
import { type Forgetful, openForgetful } from "./open-forgetful.ts";
import { someCall } from "./some-forgetting.ts";

let given: Forgetful;
let module: string;
let epoch: string;
let view: HighwayView | undefined;
beforeAll(async () => {
  given = await openForgetful();
});
afterAll(() => given.close());
beforeEach(async () => {
  await given.client.query("delete from mem0_cc.projection");
  const fresh = await given.freshModule([[{ text: "a" }], [{ text: "b" }], [{ text: "c" }]]);
  module = fresh.module;
  epoch = fresh.recorded[0]!.epoch;
  view = { degraded: false, breaker: "closed", redisLast: 3 };
  await index();
});

/** Brings the index of search up to the head. */
async function index(): Promise<void> {
  const limits = { memoriesMax: 100, bytesMax: 1024 * 1024 };
  while ((await given.store.search.step(limits)).passed > 0);
}

/** The index of search is at the module's first memory again. */
async function setBack(): Promise<void> {
  await given.client.query("update mem0_cc.index_place set position = 1 where module = $1", [module]);
  await given.client.query("delete from mem0_cc.passage where module = $1 and position > 1", [module]);
}

const times = { publishedPollMs: 2, projectedPollMs: 5, marginMs: 20 };

async function status(
  fields: MessageInitShape<typeof GetIngestStatusRequestSchema> = {},
  call: Partial<CallContext> = {},
  timesOf: Partial<IngestTimes> = times,
): Promise<GetIngestStatusResponse> {
  const handler = getIngestStatus({ store: given.store, highwayView: () => view, times: timesOf });
  const request = create(GetIngestStatusRequestSchema, { module, position: 2n, ...fields });
  const answer = (await handler(request, { ...someCall(), ...call })) as GetIngestStatusResponse;
  // What is answered has to go over the wire.
  return fromBinary(GetIngestStatusResponseSchema, toBinary(GetIngestStatusResponseSchema, answer));
}

function serviceCall(name = "graph"): CallContext {
  const grants = new Map([["*", Verb.READ]]);
  const service = { name, kind: PrincipalKind.SERVICE, grants };
  const access = new Access({ principal: service, credential: CredentialKind.SERVICE, via: service });
  return { ...someCall(), access, scope: access.scope };
}

async function report(
  fields: MessageInitShape<typeof ReportProjectionsRequestSchema> = {},
  call = serviceCall(),
): Promise<void> {
  const says = { projection: "graph", generation: "1", state: ProjectionState.FOLLOWING, ...fields };
  await reportProjections(given.store)(create(ReportProjectionsRequestSchema, says as never), call);
}

const at = (position: number) => [{ module, position: BigInt(position), epoch }];
const graphOf = ({ projections }: GetIngestStatusResponse) =>
  projections.find(({ projection }) => projection === "graph")!;

describe("GetIngestStatus", () => {
  test("tells where the memory stands in the log and on the highway, by place or id", async () => {
    const byPlace = await status();
    expect(byPlace).toMatchObject({
      recorded: { cursor: { module, position: 2n, epoch } },
      published: { state: PublishedState.PUBLISHED, redisPosition: 3n },
      projections: [
        { projection: "graph", state: ProjectedState.UNKNOWN },
        { projection: "search", state: ProjectedState.PROJECTED },
      ],
    });
    expect(byPlace.recorded!.recordedAt).toBeDefined();
    const { memoryId: id } = byPlace.recorded!;
    expect(await status({ id, module: "", position: 0n })).toMatchObject({ recorded: { memoryId: id } });
    view = undefined;
    expect(await status()).toMatchObject({ published: { state: PublishedState.UNKNOWN } });
  });

  test("what the caller may not see, and what is not there, is missing in the same words", async () => {
    await expect(status({ position: 9n })).rejects.toMatchObject({ reason: ErrorReason.MEMORY_NOT_FOUND });
    const unseen = status({}, { scope: scopeOf(["cc"]) });
    await expect(unseen).rejects.toMatchObject({ reason: ErrorReason.MODULE_NOT_FOUND });
  });

  test("tells of each projection by what it has reported", async () => {
    await report({ places: at(1) });
    expect(graphOf(await status())).toMatchObject({
      state: ProjectedState.BEHIND,
      missing: 1n,
      cursor: { module, position: 1n, epoch },
    });
    await report({ places: at(2) });
    expect(graphOf(await status()).state).toBe(ProjectedState.PROJECTED);
    // What has not changed is not told again.
    await report();
    expect(graphOf(await status()).state).toBe(ProjectedState.PROJECTED);
    await report({ state: ProjectionState.STALLED });
    expect(graphOf(await status({ position: 3n })).detail).toContain("cannot go on");
    await report({ parked: [{ module, position: 2n, error: "TypeError" }] });
    expect(graphOf(await status())).toMatchObject({
      state: ProjectedState.PARKED,
      detail: "could not take it: TypeError",
    });
  });

  test("one that has been silent is unknown, by the database's clock", async () => {
    await report({ places: at(3) });
    await given.client.query("update mem0_cc.projection set reported_at = now() - interval '75 s'");
    expect(graphOf(await status())).toMatchObject({
      state: ProjectedState.UNKNOWN,
      cursor: { position: 3n },
      detail: "was not heard of for 75 s: nobody knows how it stands now",
    });
  });

  test("another generation voids what was told of the one before", async () => {
    await report({ places: at(3), parked: [{ module, position: 2n, error: "Error" }] });
    await report({ generation: "2" });
    expect(graphOf(await status())).toMatchObject({ state: ProjectedState.BEHIND, missing: 0n });
    await report({ generation: "2", places: at(2) });
    expect(graphOf(await status()).state).toBe(ProjectedState.PROJECTED);
    const { rows } = await given.client.query("select count(*)::int as count from mem0_cc.projection_parked");
    expect(rows).toEqual([{ count: 0 }]);
  });

  test("of several places of one module the highest counts; an unknown module is ignored", async () => {
    await report({ places: [...at(2), ...at(1), { module: "nowhere", position: 5n, epoch }] });
    expect(graphOf(await status())).toMatchObject({ cursor: { position: 2n } });
    const { rows } = await given.client.query("select module from mem0_cc.projection_place where module = 'nowhere'");
    expect(rows).toEqual([]);
  });

  test("a place of a log that is not this one counts for nothing", async () => {
    await report({ places: [{ module, position: 3n, epoch: "another" }] });
    expect(graphOf(await status())).toMatchObject({ state: ProjectedState.BEHIND, missing: 0n });
  });

  test("projections that are named are told of alone", async () => {
    await report({ places: at(3) });
    expect((await status({ projections: ["search"] })).projections).toMatchObject([
      { projection: "search", state: ProjectedState.PROJECTED },
    ]);
  });

  test("the index of search is told of by its own place: what it has not taken yet, it lacks", async () => {
    await setBack();
    expect((await status({ projections: ["search"] })).projections).toMatchObject([
      { projection: "search", state: ProjectedState.BEHIND, missing: 1n },
    ]);
  });

  test("what the index of search has passed over is said to be", async () => {
    await setBack();
    const careful = new Map([[module, { memoriesMax: 1, skipText: true }]]);
    await given.store.search.step({ memoriesMax: 1, bytesMax: 1024, careful });
    const { projections } = await status({ projections: ["search"], waitFor: IngestStage.PROJECTED });
    expect(projections).toMatchObject([
      { state: ProjectedState.PARKED, detail: "could not take it: its text could not be indexed" },
    ]);
  });

  test("a forgotten memory is said to be", async () => {
    await given.client.query("select mem0_cc.forget_batch($1, '{2}', $2)", [
      module,
      JSON.stringify({ id: crypto.randomUUID(), event_type: "cos.memory.forgotten", source: "cos", request_id: "r" }),
    ]);
    expect((await status()).recorded!.forgottenAt).toBeDefined();
  });
});

describe("waiting", () => {
  test("answers as soon as Redis has it, without asking the database for projections", async () => {
    view = { degraded: false, breaker: "closed", redisLast: 1 };
    const waiting = status({ waitFor: IngestStage.PUBLISHED });
    setTimeout(() => {
      view = { degraded: false, breaker: "closed", redisLast: 2 };
    }, 20);
    expect(await waiting).toMatchObject({ published: { state: PublishedState.PUBLISHED } });
  });

  test("answers as soon as all projections have it", async () => {
    await report({ places: at(1) });
    const waiting = status({ waitFor: IngestStage.PROJECTED });
    await report({ places: at(2) });
    expect(graphOf(await waiting).state).toBe(ProjectedState.PROJECTED);
  });

  test("does not wait for what will never come", async () => {
    await report({ places: at(3), parked: [{ module, position: 2n, error: "Error" }] });
    expect(graphOf(await status({ waitFor: IngestStage.PROJECTED })).state).toBe(ProjectedState.PARKED);
  });

  test("gives up before the deadline, and says what lacks", async () => {
    await report({ places: at(1) });
    const late = () => ({ deadlineMs: Date.now() + 60 });
    await expect(status({ waitFor: IngestStage.PROJECTED }, late())).rejects.toMatchObject({
      reason: ErrorReason.PROJECTION_BEHIND,
      message: `memory ${module}/2: the graph is 1 position behind`,
    });
    view = { degraded: true, breaker: "open", redisLast: 2 };
    await expect(status({ waitFor: IngestStage.PUBLISHED }, late())).rejects.toMatchObject({
      message: expect.stringContaining("the breaker before Redis is open"),
    });
  });

  test("waits as long as the call has time, and for a while where it has no deadline", async () => {
    await report({ places: at(1) });
    const hasty = { ...times, waitMaxMs: 0 };
    const waiting = status({ waitFor: IngestStage.PROJECTED }, { deadlineMs: Date.now() + 30_000 }, hasty);
    await expect(status({ waitFor: IngestStage.PROJECTED }, {}, hasty)).rejects.toMatchObject({
      reason: ErrorReason.PROJECTION_BEHIND,
    });
    await report({ places: at(2) });
    expect(graphOf(await waiting).state).toBe(ProjectedState.PROJECTED);
  });

  test("is not for a projection that has been silent for a day, unless it is named", async () => {
    await report({ places: at(3) });
    await report({ projection: "old", places: at(1) }, serviceCall("old"));
    await given.client.query("update mem0_cc.projection set reported_at = now() - interval '25 h' where name = 'old'");
    const waitFor = IngestStage.PROJECTED;
    expect((await status({ waitFor })).projections).toMatchObject([
      { projection: "graph", state: ProjectedState.PROJECTED },
      { projection: "old", state: ProjectedState.UNKNOWN },
      { projection: "search", state: ProjectedState.PROJECTED },
    ]);
    const named = status({ waitFor, projections: ["old"] }, { deadlineMs: Date.now() + 60 });
    await expect(named).rejects.toMatchObject({ reason: ErrorReason.PROJECTION_BEHIND });
  });

  test("ends with its caller", async () => {
    const leave = new AbortController();
    const waiting = status({ waitFor: IngestStage.PROJECTED }, { signal: leave.signal });
    setTimeout(() => leave.abort(), 10);
    await expect(waiting).rejects.toThrow();
  });
});

describe("ReportProjections", () => {
  test("a service tells of itself alone, in words that can be kept", async () => {
    const refused = (fields: MessageInitShape<typeof ReportProjectionsRequestSchema>, call = serviceCall()) =>
      report(fields, call).then(
        () => "taken",
        ({ fields: faults }) => faults[0].field,
      );
    expect(await refused({}, serviceCall("health"))).toBe("projection");
    expect(await refused({}, someCall())).toBe("projection");
    expect(await refused({ generation: "half \ud800" })).toBe("generation");
    expect(await refused({ parked: [{ module, position: 1n, error: "\ud800" }] })).toBe("parked[0].error");
    expect(await refused({ places: [{ module, position: 1n, epoch: "\ud800" }] })).toBe("places[0].epoch");
  });
});

describe("the index of search", () => {
  test("is looked at in its own table, where there is one", async () => {
    const read = (indexed: number | undefined) =>
      readProjections(
        {
          postgres: given.store.postgres,
          epochs: () => given.store.log.epochs(),
          indexPlaces: async () => new Map(indexed === undefined ? [] : [[module, indexed]]),
        },
        { module, position: 2 },
      );
    expect((await read(2)).get("search")).toMatchObject({ reached: 2, silentMs: 0 });
    expect((await read(undefined)).get("search")).toMatchObject({ reached: 0 });
    // When that was, the database says.
    const clock = jest.spyOn(Date, "now").mockReturnValue(0);
    const { reportedMs } = (await read(2)).get("search")!;
    clock.mockRestore();
    expect(Math.abs(reportedMs - Date.now())).toBeLessThan(3_600_000);
  });
});

test("a place of an earlier epoch is good up to where the histories part", () => {
  const record = (generation: number, forks: [string, number][]) =>
    ({ generation, identity: `e${generation}`, forks: new Map(forks) }) as unknown as EpochRecord;
  const history: EpochHistory = {
    current: record(3, [["cc", 8]]),
    past: [record(1, []), record(2, [["cc", 5]])],
  };
  expect(goodUpTo(history, "cc", 9, "e3")).toBe(9);
  expect(goodUpTo(history, "cc", 9, "e2")).toBe(8);
  expect(goodUpTo(history, "cc", 9, "e1")).toBe(5);
  expect(goodUpTo(history, "cc", 3, "e1")).toBe(3);
  expect(goodUpTo(history, "new", 3, "e1")).toBe(0);
  expect(goodUpTo(history, "cc", 9, "e9")).toBeUndefined();
});
