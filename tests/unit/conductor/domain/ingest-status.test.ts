import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import {
  GetIngestStatusResponseSchema,
  IngestStage,
  ProjectedState,
  PublishedState,
} from "#gen/cos/conductor/v1/ingest_pb.ts";
import {
  GONE_MS,
  isGone,
  lackingFor,
  type ProjectionView,
  projectedStatus,
  publishedStatus,
  SILENT_MS,
  stillLacking,
} from "#services/conductor/domain/ingest-status.ts";

const place = { module: "cc", position: 10 };
const healthy = { degraded: false, breaker: "closed", redisLast: 10 };
const view: ProjectionView = {
  projection: "graph",
  reportedMs: 1_800_000_000_000,
  silentMs: 500,
  stalled: false,
  reached: 10,
  epoch: "e",
  parked: undefined,
};
const projected = (over: Partial<ProjectionView> = {}) => projectedStatus("graph", place, { ...view, ...over });

describe("whether the highway has a memory", () => {
  test("Redis was seen to have it, or not yet", () => {
    expect(publishedStatus(place, healthy)).toMatchObject({
      state: PublishedState.PUBLISHED,
      redisPosition: 10n,
      detail: "",
    });
    const behind = publishedStatus(place, { ...healthy, redisLast: 9 });
    expect(behind).toMatchObject({ state: PublishedState.PENDING, redisPosition: 9n, detail: "Redis is at 9" });
    const unseen = publishedStatus(place, { ...healthy, redisLast: undefined });
    expect(unseen).toMatchObject({ state: PublishedState.PENDING, redisPosition: 0n });
  });

  test("a Redis that cannot be relied on is never said to have it, whatever it was seen to have", () => {
    const open = publishedStatus(place, { ...healthy, degraded: true, breaker: "open" });
    expect(open).toMatchObject({ state: PublishedState.DEGRADED, redisPosition: 10n });
    expect(open.detail).toContain("the breaker before Redis is open");
    expect(publishedStatus(place, { ...healthy, degraded: true }).detail).toContain("Redis sends nothing");
  });

  test("without a view nothing is known", () => {
    expect(publishedStatus(place, undefined)).toMatchObject({ state: PublishedState.UNKNOWN });
  });
});

describe("whether a projection has a memory", () => {
  test("it has come so far", () => {
    expect(projected()).toMatchObject({
      state: ProjectedState.PROJECTED,
      cursor: { module: "cc", position: 10n, epoch: "e" },
      missing: 0n,
      detail: "",
    });
  });

  test("it is behind, and whether it can go on", () => {
    const behind = projected({ reached: 9 });
    expect(behind).toMatchObject({ state: ProjectedState.BEHIND, missing: 1n, detail: "is 1 position behind" });
    expect(projected({ reached: 2, stalled: true }).detail).toMatch(/8 positions behind, and cannot go on/);
    expect(projected({ reached: undefined })).toMatchObject({ state: ProjectedState.BEHIND, missing: 0n });
    expect(projected({ reached: undefined }).cursor).toBeUndefined();
  });

  test("it has passed it over", () => {
    expect(projected({ parked: "TypeError" })).toMatchObject({
      state: ProjectedState.PARKED,
      detail: "could not take it: TypeError",
    });
  });

  test("one that is silent is unknown, although it had come so far or had passed it over", () => {
    expect(projected({ silentMs: SILENT_MS - 1 }).state).toBe(ProjectedState.PROJECTED);
    for (const over of [{}, { parked: "Error" }, { reached: 3 }]) {
      const silent = projected({ silentMs: SILENT_MS, ...over });
      expect(silent).toMatchObject({ state: ProjectedState.UNKNOWN, reportedAt: { seconds: 1_800_000_000n } });
      expect(silent.detail).toContain("not heard of for 10 s");
    }
  });

  test("one that was never heard of is unknown", () => {
    const never = projectedStatus("graph", place, undefined);
    expect(never).toMatchObject({ projection: "graph", state: ProjectedState.UNKNOWN });
    expect(never.reportedAt).toBeUndefined();
  });
});

describe("what lacks until a stage is reached", () => {
  const statusOf = (published: PublishedState, ...states: ProjectedState[]) =>
    create(GetIngestStatusResponseSchema, {
      published: { state: published, detail: "why" },
      projections: states.map((state, n) => ({ projection: `p${n}`, state, detail: "is late" })),
    });

  test("nothing, when none is asked for", () => {
    expect(lackingFor(IngestStage.UNSPECIFIED, statusOf(PublishedState.PENDING))).toBeUndefined();
  });

  test("published is what Redis was seen to have, and nothing less", () => {
    expect(lackingFor(IngestStage.PUBLISHED, statusOf(PublishedState.PUBLISHED))).toBeUndefined();
    for (const state of [PublishedState.PENDING, PublishedState.DEGRADED, PublishedState.UNKNOWN]) {
      expect(lackingFor(IngestStage.PUBLISHED, statusOf(state))).toBe("not published yet: why");
    }
  });

  test("projected is by all of them; what was passed over is not waited for", () => {
    const { PROJECTED, PARKED, BEHIND, UNKNOWN } = ProjectedState;
    const of = (...states: ProjectedState[]) =>
      lackingFor(IngestStage.PROJECTED, statusOf(PublishedState.PENDING, ...states));
    expect(of(PROJECTED, PARKED)).toBeUndefined();
    expect(of(PROJECTED, BEHIND, UNKNOWN)).toBe("the p1 is late; the p2 is late");
  });

  test("nor is one that is gone, which is said of nobody who was never heard of", () => {
    const status = statusOf(PublishedState.PENDING, ProjectedState.UNKNOWN, ProjectedState.BEHIND);
    expect(lackingFor(IngestStage.PROJECTED, status, (name) => name !== "p0")).toBe("the p1 is late");
    expect(isGone({ ...view, silentMs: GONE_MS - 1 })).toBe(false);
    expect(isGone({ ...view, silentMs: GONE_MS })).toBe(true);
    expect(isGone(undefined)).toBe(false);
  });

  test("the refusal says where the memory is and what lacks", () => {
    expect(stillLacking(place, "it is late").message).toBe("memory cc/10: it is late");
  });
});
