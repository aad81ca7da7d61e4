import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Deadlines } from "#services/conductor/store/deadlines.ts";

describe("deadlines", () => {
  let deadlines: Deadlines<string>;
  let expired: string[];
  const open = (timeoutMs: number) => {
    expired = [];
    deadlines = new Deadlines(timeoutMs, (entry) => expired.push(entry));
  };
  afterEach(() => deadlines.close());

  test("what is not done in time expires, the earlier first; what is done does not", async () => {
    open(20);
    deadlines.add("a");
    deadlines.add("b");
    await sleep(15);
    deadlines.add("c");
    deadlines.delete("b");
    expect(expired).toEqual([]);
    while (expired.length < 2) await sleep(5);
    expect(expired).toEqual(["a", "c"]);
  });

  test("D2: the timer starts again after everything was done", async () => {
    open(5);
    deadlines.add("a");
    deadlines.delete("a");
    await sleep(20);
    deadlines.add("b");
    while (expired.length < 1) await sleep(5);
    expect(expired).toEqual(["b"]);
  });

  test("D3: what expires may be given another time; nothing else is late for it", async () => {
    const all: string[] = [];
    deadlines = new Deadlines(10, (entry) => {
      all.push(entry);
      if (all.length === 1) deadlines.add(entry);
    });
    deadlines.add("a");
    await sleep(5);
    deadlines.add("b");
    while (all.length < 3) await sleep(2);
    expect(all).toEqual(["a", "b", "a"]);
  });

  test("closed, nothing expires any more", async () => {
    open(5);
    deadlines.add("a");
    deadlines.close();
    await sleep(20);
    expect(expired).toEqual([]);
  });
});
