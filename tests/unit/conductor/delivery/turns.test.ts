import { expect, test } from "@jest/globals";
import { Turns } from "#services/conductor/delivery/turns.ts";

test("no more run at once than there are turns, in the order in which they asked, and one that fails gives its turn back", async () => {
  const turns = new Turns(2);
  const running: number[] = [];
  const most: number[] = [];
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const works = gates.map(({ promise }, n) =>
    turns.take(async () => {
      running.push(n);
      most.push(running.length);
      await promise;
      running.splice(running.indexOf(n), 1);
      if (n === 1) throw new Error("one");
      return n;
    }),
  );
  const outcomes = Promise.allSettled(works);
  for (const { resolve } of gates) {
    await new Promise((soon) => setImmediate(soon));
    resolve();
  }
  expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
  expect(Math.max(...most)).toBe(2);
});
