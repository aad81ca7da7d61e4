import { describe, expect, test } from "@jest/globals";
import { NoteCleaner } from "#services/conductor/store/scratch/note-cleaner.ts";
import { openLog } from "#shared/log/open-log.ts";

const HOUR_MS = 3_600_000;

/** A cleaner whose turns are answered one after the other; the last answer repeats, and `done` says that all were asked for. */
function given(answers: readonly (number | Error)[], times: { intervalMs?: number; pauseMs?: number } = {}) {
  const lines: string[] = [];
  const done = Promise.withResolvers<void>();
  let turns = 0;
  const cleaner = new NoteCleaner({
    clean: async () => {
      const answer = answers[Math.min(turns, answers.length - 1)]!;
      turns += 1;
      if (turns >= answers.length) done.resolve();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    intervalMs: times.intervalMs ?? 0,
    pauseMs: times.pauseMs ?? 0,
    log: openLog({ service: "test", to: { write: (line: string) => void lines.push(line) } }),
  });
  const messages = () => lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  return { cleaner, done: done.promise, turns: () => turns, messages };
}

describe("the cleaner of notes", () => {
  test("K3: rests shortly while there is something to clean away, and long when there is nothing", async () => {
    const { cleaner, done, turns } = given([500, 500, 20, 0], { intervalMs: HOUR_MS });
    await done;
    await cleaner.close();
    expect(turns()).toBe(4);
  });

  test("K2: rests after every batch", async () => {
    const { cleaner, done, turns } = given([500], { pauseMs: HOUR_MS });
    await done;
    await new Promise(setImmediate);
    expect(turns()).toBe(1);
    await cleaner.close();
  });

  test("goes on after a failure, which is told once, as is its end", async () => {
    const { cleaner, done, messages } = given([new Error("away"), new Error("away"), new Error("away"), 3, 0]);
    await done;
    await cleaner.close();
    expect(messages()).toEqual([
      "notes that have expired could not be cleaned away; trying again",
      "notes that have expired are cleaned away again",
    ]);
  });
});
