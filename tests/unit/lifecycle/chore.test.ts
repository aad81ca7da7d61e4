import { describe, expect, test } from "@jest/globals";
import { Chore } from "#shared/lifecycle/chore.ts";
import { openLog } from "#shared/log/open-log.ts";

const HOUR_MS = 3_600_000;
const words = { failed: "it could not be done; trying again", again: "it is done again" };

/** A chore whose batches are answered one after the other; the last answer repeats, and `done` says that all were asked for. */
function given(answers: readonly (number | Error)[], times: { intervalMs?: number; pauseMs?: number } = {}) {
  const lines: string[] = [];
  const done = Promise.withResolvers<void>();
  let turns = 0;
  const chore = new Chore({
    batch: async () => {
      const answer = answers[Math.min(turns, answers.length - 1)]!;
      turns += 1;
      if (turns >= answers.length) done.resolve();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    intervalMs: 0,
    ...times,
    words,
    log: openLog({ service: "test", to: { write: (line: string) => void lines.push(line) } }),
  });
  const messages = () => lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  return { chore, done: done.promise, turns: () => turns, messages };
}

describe("a chore", () => {
  test.each([{}, { pauseMs: 0 }])(
    "K3: goes on while there is something to do, and rests when there is nothing: %j",
    async (times) => {
      const { chore, done, turns } = given([500, 500, 20, 0], { intervalMs: HOUR_MS, ...times });
      await done;
      expect(turns()).toBe(4);
      await chore.close();
      expect(turns()).toBe(4);
    },
  );

  test("K2: rests after every batch, if it is to", async () => {
    const { chore, done, turns } = given([500], { pauseMs: HOUR_MS });
    await done;
    await new Promise(setImmediate);
    expect(turns()).toBe(1);
    await chore.close();
  });

  test("goes on after a failure, which is told once, as is its end", async () => {
    const { chore, done, messages } = given([new Error("away"), new Error("away"), new Error("away"), 3, 0]);
    await done;
    await chore.close();
    expect(messages()).toEqual([words.failed, words.again]);
  });

  test("ends after the batch that is under way", async () => {
    const turn = Promise.withResolvers<number>();
    const log = openLog({ service: "t", level: "silent" });
    const chore = new Chore({ batch: () => turn.promise, intervalMs: 0, words, log });
    const closing = chore.close();
    let closed = false;
    void closing.then(() => {
      closed = true;
    });
    await new Promise(setImmediate);
    expect(closed).toBe(false);
    turn.resolve(7);
    await closing;
  });
});
