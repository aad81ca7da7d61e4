import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { asHeard, asReplayed, history } from "./arbitrary-log.ts";
import { emptyGraph, holdings, project } from "./project-log.ts";

const cuts = fc.array(fc.integer({ min: 1, max: 39 }), { maxLength: 12 });

describe("applyEvents", () => {
  test("A1: any cut of the log into steps gives the same graph", async () => {
    await fc.assert(
      fc.asyncProperty(history, cuts, async (happenings, ends) => {
        const [whole, cut] = [await emptyGraph(), await emptyGraph()];
        await project(whole, asHeard(happenings));
        await project(cut, asHeard(happenings), ends);
        expect(await holdings(cut)).toEqual(await holdings(whole));
      }),
      { numRuns: 30 },
    );
  });

  test("A2: a graph that heard everything equals one that reads the log afterwards, what was forgotten since left out", async () => {
    await fc.assert(
      fc.asyncProperty(history, cuts, async (happenings, ends) => {
        const [live, replay] = [await emptyGraph(), await emptyGraph()];
        await project(live, asHeard(happenings), ends);
        await project(replay, asReplayed(happenings));
        expect(await holdings(live)).toEqual(await holdings(replay));
      }),
      { numRuns: 80 },
    );
  });
});
