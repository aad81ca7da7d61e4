import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { IndexStep, StepLimits } from "#services/conductor/domain/index-step.ts";
import { StepFailed } from "#services/conductor/domain/step-failed.ts";
import { Indexer, type IndexerOptions } from "#services/conductor/search/indexer.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type Log, openLog } from "#shared/log/open-log.ts";
import { postgresUnavailable } from "#shared/postgres/engine-error.ts";

/** How much a step may take of the module. */
type Limits = { readonly memoriesMax: number; readonly skipText?: boolean };

const limitsOf = ({ memoriesMax, careful }: StepLimits): Limits => careful?.get("cc") ?? { memoriesMax };

/** A log of so many memories in module `cc`, and an index that follows it. */
class FakeIndex {
  head = 0;
  place = 0;
  looks = 0;
  isElsewhere = false;
  isOfModule = true;
  readonly steps: Limits[] = [];
  /** What a step fails with. */
  fault: (limits: Limits) => unknown = () => undefined;
  #waiting: (() => void)[] = [];

  async isBehind(): Promise<boolean> {
    this.looks += 1;
    this.#tell();
    return this.place < this.head;
  }

  async step(given: StepLimits): Promise<IndexStep> {
    const limits = limitsOf(given);
    this.steps.push(limits);
    this.#tell();
    const fault = this.fault(limits);
    if (fault !== undefined) throw this.isOfModule ? new StepFailed("cc", fault) : fault;
    if (this.isElsewhere) return { isElsewhere: true, passed: 0, modules: [], passedOver: [] };
    const passed = Math.min(this.head - this.place, limits.memoriesMax);
    this.place += passed;
    const passedOver = limits.skipText === true ? [{ module: "cc", position: this.place }] : [];
    return { isElsewhere: false, passed, modules: ["cc"], passedOver };
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const never = 1_000_000;
const lines: { level: string; msg: string; module?: string; position?: number }[] = [];
const log: Log = openLog({
  service: "test",
  level: "info",
  to: {
    write: (line: string) =>
      void lines.push(JSON.parse(line) as { level: string; msg: string; module?: string; position?: number }),
  },
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
    ["keeps us too long between two statements", () => postgresUnavailable({ code: "25P03" })],
    ["fails in an unknown way", () => new Error("unknown")],
  ])("passes a lone memory over that %s three times", async (_, fault) => {
    const index = new FakeIndex();
    index.head = 2;
    index.fault = ({ skipText }) => (index.place === 0 && skipText !== true ? fault() : undefined);
    start(index);
    await index.until(() => index.place === 2);
    expect(index.steps.slice(-3).map(({ memoriesMax, skipText }) => [memoriesMax, skipText])).toEqual([
      [1, false],
      [1, true],
      [2, false],
    ]);
    expect(index.steps).toHaveLength(4 + 3 + 1 + 1);
    expect(lines).toContainEqual(
      expect.objectContaining({
        msg: "a memory could not be indexed for search, and is passed over",
        module: "cc",
        position: 1,
      }),
    );
  });

  test("passes nothing over where that fails too: the text is tried again", async () => {
    const index = new FakeIndex();
    index.head = 1;
    let left = 4 + 3 + 1 + 3 + 1;
    index.fault = () => {
      left -= 1;
      return left > 0 ? postgresUnavailable({ code: "57014" }) : undefined;
    };
    start(index);
    await index.until(() => index.place === 1);
    const skipped = index.steps.map(({ skipText }) => skipText === true);
    expect(skipped).toEqual([...Array(7).fill(false), true, ...Array(3).fill(false), true]);
  });

  test("at the engine leaves the modules as they were", async () => {
    const index = new FakeIndex();
    [index.head, index.isOfModule] = [300, false];
    index.fault = () => (index.steps.length < 5 ? postgresUnavailable({ code: "57014" }) : undefined);
    start(index);
    await index.until(() => index.place === 300);
    expect(index.steps.map(({ memoriesMax }) => memoriesMax)).toEqual([256, 256, 256, 256, 256, 256]);
    expect(messages()).toHaveLength(2);
  });

  test("is not tried again before the interval is over, whatever is recorded meanwhile", async () => {
    const index = new FakeIndex();
    index.head = 1;
    index.fault = () => postgresUnavailable();
    start(index, { intervalMs: never });
    await index.until(() => index.steps.length === 1);
    for (let n = 0; n < 20; n += 1) {
      indexer.wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(index.looks).toBe(1);
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
