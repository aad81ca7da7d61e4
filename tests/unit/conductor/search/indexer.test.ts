import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Indexer, type IndexerOptions } from "#services/conductor/search/indexer.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type Log, openLog } from "#shared/log/open-log.ts";
import { postgresUnavailable } from "#shared/postgres/engine-error.ts";

type Limits = Parameters<IndexerOptions["index"]["step"]>[0];

/** A log of so many memories, and an index that follows it. */
class FakeIndex {
  head = 0;
  place = 0;
  looks = 0;
  isElsewhere = false;
  readonly steps: Limits[] = [];
  /** What a step fails with. */
  fault: (limits: Limits) => unknown = () => undefined;
  #waiting: (() => void)[] = [];

  async isBehind(): Promise<boolean> {
    this.looks += 1;
    this.#tell();
    return this.place < this.head;
  }

  async step(limits: Limits): Promise<{ isElsewhere: boolean; passed: number }> {
    this.steps.push(limits);
    this.#tell();
    const fault = this.fault(limits);
    if (fault !== undefined) throw fault;
    if (this.isElsewhere) return { isElsewhere: true, passed: 0 };
    const passed = Math.min(this.head - this.place, limits.memoriesMax);
    this.place += passed;
    return { isElsewhere: false, passed };
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const never = 1_000_000;
const lines: { level: string; msg: string }[] = [];
const log: Log = openLog({
  service: "test",
  level: "info",
  to: { write: (line: string) => void lines.push(JSON.parse(line) as { level: string; msg: string }) },
});
let indexer: Indexer;

function start(index: FakeIndex, times: IndexerOptions["times"] = {}): FakeIndex {
  lines.length = 0;
  indexer = new Indexer({ index, log, times: { intervalMs: 1, gatherMs: 0, ...times }, random: () => 0 });
  return index;
}
afterEach(() => indexer.close());

const messages = (): string[] => lines.map(({ msg }) => msg);

describe("X4: the indexer", () => {
  test("goes on without a rest while something is behind", async () => {
    const index = new FakeIndex();
    index.head = 1000;
    start(index, { intervalMs: never });
    await index.until(() => index.place === 1000 && index.looks === 5);
    expect(index.steps.map(({ memoriesMax }) => memoriesMax)).toEqual([256, 256, 256, 256]);
  });

  test("wakes when something is recorded here", async () => {
    const index = start(new FakeIndex(), { intervalMs: never });
    await index.until(() => index.looks === 1);
    index.head = 1;
    indexer.wake();
    await index.until(() => index.place === 1);
  });

  test("looks by itself for what is recorded elsewhere", async () => {
    const index = start(new FakeIndex());
    await index.until(() => index.looks === 3);
    index.head = 1;
    await index.until(() => index.place === 1);
    expect(index.steps).toHaveLength(1);
  });

  test("ends when it is closed, also out of a rest", async () => {
    const index = start(new FakeIndex(), { intervalMs: never });
    await index.until(() => index.looks === 1);
    await indexer.close();
    const { looks } = index;
    indexer.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect(index.looks).toBe(looks);
  });
});

test("X1: while another process indexes, it looks again, and takes over", async () => {
  const index = new FakeIndex();
  [index.head, index.isElsewhere] = [1, true];
  start(index);
  await index.until(() => index.steps.length === 3);
  index.isElsewhere = false;
  await index.until(() => index.place === 1);
  expect(messages()).toEqual([]);
});

describe("X5: a step that fails", () => {
  test("is tried again with less, then with more again; told once, and when it is over", async () => {
    const index = new FakeIndex();
    index.head = 300;
    index.fault = ({ memoriesMax }) => (memoriesMax > 16 && index.place === 0 ? postgresUnavailable() : undefined);
    start(index);
    await index.until(() => index.place === 300);
    expect(index.steps.map(({ memoriesMax }) => memoriesMax)).toEqual([256, 64, 16, 32, 64, 128, 256]);
    expect(messages()).toEqual([
      "memories could not be indexed for search; trying again",
      "memories are indexed for search again",
    ]);
  });

  test.each([
    ["is refused", () => new CosError(ErrorReason.INTERNAL, "refused")],
    ["takes too long", () => postgresUnavailable({ code: "57014" })],
    ["fails in an unknown way", () => new Error("unknown")],
  ])("passes a lone memory over that %s three times", async (_, fault) => {
    const index = new FakeIndex();
    index.head = 2;
    index.fault = ({ skipText }) => (index.place === 0 && skipText !== true ? fault() : undefined);
    start(index);
    await index.until(() => index.place === 2);
    expect(index.steps.slice(-3).map(({ memoriesMax, skipText }) => [memoriesMax, skipText])).toEqual([
      [1, undefined],
      [1, true],
      [2, undefined],
    ]);
    expect(index.steps).toHaveLength(4 + 3 + 1 + 1);
    expect(messages()).toContain("a memory could not be indexed for search, and is passed over");
  });

  test("waits for an engine that is away, however long, and passes nothing over", async () => {
    const index = new FakeIndex();
    index.head = 1;
    index.fault = () => (index.steps.length < 20 ? postgresUnavailable() : undefined);
    start(index);
    await index.until(() => index.place === 1);
    expect(index.steps.some(({ skipText }) => skipText)).toBe(false);
  });

  test("because it was closed, says nothing", async () => {
    const index = new FakeIndex();
    index.head = 1;
    index.fault = () => {
      void indexer.close();
      return postgresUnavailable();
    };
    start(index);
    await index.until(() => index.steps.length === 1);
    await indexer.close();
    expect(messages()).toEqual([]);
  });
});
