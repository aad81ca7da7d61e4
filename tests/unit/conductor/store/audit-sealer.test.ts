import { describe, expect, test } from "@jest/globals";
import { AuditSealer } from "#services/conductor/store/access/audit-sealer.ts";
import { openLog } from "#shared/log/open-log.ts";

/** A sealer whose turns are answered one after the other; the last answer repeats, and `done` says that all were asked for. */
function given(answers: readonly (number | Error)[], intervalMs = 0) {
  const lines: string[] = [];
  const done = Promise.withResolvers<void>();
  let turns = 0;
  const sealer = new AuditSealer({
    seal: async () => {
      const answer = answers[Math.min(turns, answers.length - 1)]!;
      turns += 1;
      if (turns >= answers.length) done.resolve();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    intervalMs,
    log: openLog({ service: "test", to: { write: (line: string) => void lines.push(line) } }),
  });
  const messages = () => lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  return { sealer, done: done.promise, turns: () => turns, messages };
}

describe("the sealer", () => {
  test("A4: does not rest while entries wait, and rests when none does", async () => {
    const { sealer, done, turns } = given([500, 500, 20, 0], 3_600_000);
    await done;
    expect(turns()).toBe(4);
    await sealer.close();
    expect(turns()).toBe(4);
  });

  test("goes on after a failure, which is told once, as is its end", async () => {
    const { sealer, done, messages } = given([new Error("away"), new Error("away"), new Error("away"), 3, 0]);
    await done;
    await sealer.close();
    expect(messages()).toEqual(["the audit could not be sealed; trying again", "the audit is sealed again"]);
  });

  test("ends after the turn that is under way", async () => {
    const turn = Promise.withResolvers<number>();
    const sealer = new AuditSealer({
      seal: () => turn.promise,
      intervalMs: 0,
      log: openLog({ service: "t", level: "silent" }),
    });
    const closing = sealer.close();
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
