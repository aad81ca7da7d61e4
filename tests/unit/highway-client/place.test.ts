import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { backoffMs } from "#shared/highway/client/backoff.ts";
import { advance, openPlace, resumeFields, settle } from "#shared/highway/client/place.ts";
import { passes, retryAfterMs } from "#shared/highway/client/stream-error.ts";
import { cursor, shown } from "./frames.ts";

test("a place is the last cursor of each module, and the last token", () => {
  const place = openPlace({ cursors: [cursor("a", 1)], resumeToken: "t1" });
  advance(place, cursor("a", 2));
  advance(place, cursor("b", 7));
  settle(place, "");
  expect(shown(resumeFields(place))).toEqual({ cursors: ["a/2", "b/7"], resumeToken: "t1" });
  settle(place, "t2");
  expect(shown(resumeFields(place))).toEqual({ cursors: ["a/2", "b/7"], resumeToken: "t2" });
});

test("of more than 1,000 cursors those that moved last are sent, and kept once a token stands for the others", () => {
  const place = openPlace();
  for (let index = 0; index < 1001; index += 1) advance(place, cursor(`m${index}`, 1));
  advance(place, cursor("m0", 2));
  const { cursors } = resumeFields(place);
  expect(cursors).toHaveLength(1000);
  expect(cursors.at(-1)).toMatchObject({ module: "m0", position: 2n });
  expect(cursors.some(({ module }) => module === "m1")).toBe(false);
  expect(place.cursors.size).toBe(1001);
  settle(place, "t");
  expect([...place.cursors.values()]).toEqual(cursors);
});

test("the wait doubles up to the most, and lies between half of it and all of it", () => {
  const backoff = { initialMs: 100, maxMs: 5000 };
  expect([1, 2, 3, 7, 5000].map((attempt) => backoffMs(backoff, attempt, () => 1))).toEqual([
    100, 200, 400, 5000, 5000,
  ]);
  const property = fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
    const waitMs = backoffMs(backoff, attempt + 1, () => random);
    return waitMs >= 50 && waitMs <= 5000;
  });
  fc.assert(property);
});

test("only errors of a call say whether and when to ask again", () => {
  expect(passes("no")).toBe(false);
  expect(retryAfterMs(new Error("no"))).toBe(0);
});
