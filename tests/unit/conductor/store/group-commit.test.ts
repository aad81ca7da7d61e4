import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { GroupCommit, type GroupCommitOptions, type Sequence } from "#services/conductor/store/group-commit.ts";
import { openLog } from "#shared/log/open-log.ts";
import { someMemory } from "../some-memory.ts";
import { type Asked, fakePool, sqlError } from "./fake-pool.ts";

const log = openLog({ service: "test", level: "silent" });
const never = () => new Promise<never>(() => undefined);
const opened: GroupCommit[] = [];
afterEach(async () => {
  for (const commit of opened.splice(0)) await commit.close();
});

function open(answer?: (asked: Asked) => unknown, options: Partial<GroupCommitOptions> = {}) {
  const server = fakePool(answer);
  const commit = new GroupCommit({
    pool: server.pool,
    log,
    epochOf: () => "e",
    readPlaces: async () => [],
    retryDelayMs: 1,
    ...options,
  });
  opened.push(commit);
  const record = (text: string, sequence?: Sequence, module = "cc") =>
    commit.record(someMemory({ text, module }), sequence);
  return { ...server, commit, record };
}

/** Answers the batches of a server one after the other as these say; then records them. */
function inTurn(...codes: readonly (string | undefined)[]) {
  const left = [...codes];
  return (asked: Asked) => {
    const code = asked.session ? undefined : left.shift();
    if (code !== undefined) throw sqlError(code);
  };
}

const reasonOf = (result: PromiseSettledResult<unknown>) =>
  result.status === "fulfilled" ? "recorded" : (result.reason as { reasonName: string }).reasonName;

describe("sequences", () => {
  test("G5: a batch that was halved keeps its order, though the first half meets a head that is held", async () => {
    const stream = {};
    const { record, recorded } = open(inTurn("22P05", "55P03"));
    await Promise.all(["1", "2", "3", "4"].map((text) => record(text, stream)));
    expect(recorded).toEqual(["1", "2", "3", "4"]);
  });

  test("G5: what got through before the held head is not sent again", async () => {
    const stream = {};
    const { record, recorded } = open(inTurn("22P05", "22P05", undefined, "55P03"));
    await Promise.all(["1", "2", "3", "4", "5", "6", "7", "8"].map((text) => record(text, stream)));
    expect(recorded).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
  });

  test("G7: a sequence that gives more than may wait is recorded whole, in its order", async () => {
    const texts = Array.from({ length: 60 }, (_, n) => String(n));
    const { record, recorded } = open(undefined, { waitingRowsMax: 5, batchRowsMax: 2 });
    const stream = {};
    const positions = await Promise.all(texts.map((text) => record(text, stream)));
    expect(recorded).toEqual(texts);
    expect(positions.map(({ position }) => position)).toEqual(texts.map((_, n) => n + 1));
  });

  test("G6, G7: what waits for room takes none, and others are refused while there is none", async () => {
    const { record, recorded } = open(undefined, { waitingRowsMax: 5 });
    const streams = Array.from({ length: 11 }, () => ({}));
    const given = streams.flatMap((stream) => ["a", "b", "c"].map((text) => record(text, stream)));
    await expect(record("alone")).rejects.toMatchObject({ reasonName: "OVERLOADED" });
    await Promise.all(given);
    expect(recorded).toHaveLength(33);
  });

  test("G7: a call of a sequence outlasts its time while it waits for its turn and others are answered", async () => {
    const stream = {};
    const answerTimeoutMs = 60;
    const { record, recorded } = open(
      (asked) => (asked.session ? undefined : new Promise((resolve) => setTimeout(resolve, answerTimeoutMs / 3))),
      { answerTimeoutMs, lanes: 1, batchRowsMax: 1 },
    );
    const texts = Array.from({ length: 12 }, (_, n) => String(n));
    await Promise.all(texts.map((text) => record(text, stream)));
    expect(recorded).toEqual(texts);
  });

  test("G7: what waits for room is not recorded once its sender has left", async () => {
    const leaving = new AbortController();
    const { record, recorded } = open(undefined, { waitingRowsMax: 1, batchRowsMax: 1 });
    const stream = { signal: leaving.signal };
    const given = ["a", "b"].map((text) => record(text, stream));
    leaving.abort();
    expect((await Promise.allSettled(given)).map(reasonOf)).toEqual(["recorded", "OVERLOADED"]);
    expect(recorded).toEqual(["a"]);
  });

  test("G7: who has left does not wait for a turn either", async () => {
    const leaving = new AbortController();
    const answers: (() => void)[] = [];
    const { record } = open(
      (asked) => (asked.session ? undefined : new Promise<void>((resolve) => answers.push(resolve))),
      { lanes: 2, batchRowsMax: 1, answerTimeoutMs: 40, attemptTimeoutMs: 40 },
    );
    const stream = { signal: leaving.signal };
    const ofStream = ["a", "b"].map((text) => record(text, stream));
    leaving.abort();
    const other = record("other");
    while (answers.length < 2) await turn();
    answers.at(-1)?.();
    const results = await Promise.allSettled([...ofStream, other]);
    for (const answer of answers) answer();
    expect(results.map(reasonOf)).toEqual(["ENGINE_UNAVAILABLE", "OVERLOADED", "recorded"]);
  });
});

describe("an engine that hangs", () => {
  test("W1, G1: a lane whose session is never prepared tries again, and nobody hears that there were too many", async () => {
    const asked: Asked[] = [];
    const { record, queries } = open(
      (one) => {
        asked.push(one);
        return never();
      },
      {
        answerTimeoutMs: 60,
        attemptTimeoutMs: 20,
        lanes: 1,
        batchRowsMax: 1,
      },
    );
    const results = await Promise.allSettled(["a", "b", "c"].map((text) => record(text)));
    expect(new Set(results.map(reasonOf))).toEqual(new Set(["ENGINE_UNAVAILABLE"]));
    expect(asked.every(({ session }) => session)).toBe(true);
    expect(queries[0]?.query_timeout).toBe(20);
  });

  test("G1: before the first attempt has failed, too, it is the engine that is told of", async () => {
    const { record } = open(never, { answerTimeoutMs: 20, attemptTimeoutMs: 60, lanes: 1, batchRowsMax: 1 });
    const results = await Promise.allSettled(["a", "b"].map((text) => record(text)));
    expect(results.map(reasonOf)).toEqual(["ENGINE_UNAVAILABLE", "ENGINE_UNAVAILABLE"]);
  });

  test("G1: a call that never had its turn, while others were answered, was too many", async () => {
    const answers: (() => void)[] = [];
    const { record } = open(
      (asked) => (asked.session ? undefined : new Promise<void>((resolve) => answers.push(resolve))),
      { answerTimeoutMs: 60, lanes: 1, batchRowsMax: 1 },
    );
    const given = ["a", "b", "c"].map((text) => record(text));
    while (answers.length < 1) await turn();
    answers[0]?.();
    const results = await Promise.allSettled(given);
    answers[1]?.();
    expect(results.map(reasonOf)).toEqual(["recorded", "ENGINE_UNAVAILABLE", "OVERLOADED"]);
  });
});
