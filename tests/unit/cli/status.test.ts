import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, expect, test } from "@jest/globals";
import {
  type GetIngestStatusResponseSchema,
  IngestStage,
  ProjectedState,
  PublishedState,
} from "#gen/cos/conductor/v1/ingest_pb.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { run } from "./support/run.ts";

let fake = new FakeConductor();
beforeEach(() => {
  fake = new FakeConductor();
});

type Answer = MessageInitShape<typeof GetIngestStatusResponseSchema>;
const cursor = { module: "pepys", position: 7n, epoch: "e" };
const reportedAt = timestampFromMs(1_800_000_000_000);
const recorded = { memoryId: "m", cursor, recordedAt: timestampFromMs(1_800_000_000_000) };
const answer = (fields: Answer): Answer => ({ recorded, ...fields }) as Answer;

const status = (given: Answer, argv: readonly string[] = []) => {
  fake.links.getIngestStatus = async () => given;
  return run(["status", "pepys/7", ...argv], { transport: fake.transport() });
};

test("recorded, published, projected: where, and as of when", async () => {
  const { exitCode, stdout } = await status(
    answer({
      published: { state: PublishedState.PUBLISHED, redisPosition: 9n },
      projections: [{ projection: "graph", state: ProjectedState.PROJECTED, cursor, reportedAt }],
    }),
  );
  expect(exitCode).toBe(0);
  expect(stdout.split("\n").map((line) => line.trimEnd())).toEqual([
    "STAGE      THERE  WHERE, OR WHY NOT",
    "recorded   yes    at pepys/7, 2027-01-15 08:00:00Z",
    "published  yes    Redis is at 9",
    "graph      yes    is at 7, as of 2027-01-15 08:00:00Z",
    "",
  ]);
});

test("or why not yet: nothing that is not known is said to be well", async () => {
  const { stdout } = await status(
    answer({
      recorded: { ...recorded, forgottenAt: timestampFromMs(1_800_000_000_000) },
      published: { state: PublishedState.DEGRADED, detail: "the breaker before Redis is open" },
      projections: [
        { projection: "a", state: ProjectedState.BEHIND, detail: "is 2 positions behind", reportedAt },
        { projection: "b", state: ProjectedState.UNKNOWN, detail: "was never heard of" },
        { projection: "c", state: ProjectedState.PARKED, detail: "could not take it: Error" },
        { projection: "d", state: 99 as ProjectedState },
      ],
    }),
  );
  expect(stdout).toContain("forgotten 2027-01-15");
  expect(stdout).toMatch(/published +degraded +the breaker/);
  expect(stdout).toMatch(/a +not yet +is 2 positions behind, as of/);
  expect(stdout).toMatch(/b +unknown +was never heard of\n/);
  expect(stdout).toMatch(/c +never +could not take it/);
  expect(stdout).toMatch(/d +unknown\n/);
  expect((await status({})).stdout).toMatch(/published +unknown/);
  expect((await status(answer({ published: { state: PublishedState.PENDING } }))).stdout).toMatch(/published +not yet/);
  expect((await status(answer({ published: { state: PublishedState.UNKNOWN } }))).stdout).toMatch(/published +unknown/);
});

test("asks about the projections that are named alone", async () => {
  const asked: string[][] = [];
  fake.links.getIngestStatus = async ({ projections }) => {
    asked.push(projections);
    return answer({});
  };
  const transport = fake.transport();
  await run(["status", "pepys/7", "--projection", "graph", "--projection", "search", "--projection", "graph"], {
    transport,
  });
  await run(["status", "pepys/7"], { transport });
  expect(asked).toEqual([["graph", "search"], []]);
  expect(await run(["status", "pepys/7", "--projection", "The graph"], { transport })).toMatchObject({ exitCode: 2 });
});

test("its help gives `cos graph show` no place, which that does not take", async () => {
  const { stdout } = await run(["status", "--help"], { transport: fake.transport() });
  expect(stdout).toContain("cos status pepys/1 --wait projected");
  expect(stdout).not.toMatch(/graph show \S+\/\d/);
});

test("waits for a stage: 4 when it took too long, 1 when it will never come", async () => {
  const stages: IngestStage[] = [];
  fake.links.getIngestStatus = async ({ waitFor }) => {
    stages.push(waitFor);
    throw new ConnectError("memory pepys/7: the graph is 2 positions behind", Code.DeadlineExceeded);
  };
  const late = await run(["status", "pepys/7", "--wait", "published", "--timeout", "10s"], {
    transport: fake.transport(),
  });
  expect(late).toMatchObject({ exitCode: 4, stdout: "" });
  expect(late.stderr).toContain("2 positions behind");
  expect(stages).toEqual([IngestStage.PUBLISHED]);
  const parked = answer({ projections: [{ projection: "graph", state: ProjectedState.PARKED }] });
  expect((await status(parked, ["--wait", "projected"])).exitCode).toBe(1);
  expect((await status(parked)).exitCode).toBe(0);
  expect(JSON.parse((await status(parked, ["--json"])).stdout)).toMatchObject({
    projections: [{ state: "PROJECTED_STATE_PARKED" }],
  });
});
