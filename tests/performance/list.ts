import { ListMemoriesOrder } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Bench } from "./bench.ts";
import { fillModule } from "./fill-module.ts";
import type { Rig } from "./open-rig.ts";
import { latencyOf, medianOf } from "./quantiles.ts";

const MODULE = "list_bench";
const PAGE_SIZE = 10;
const FAR_PAGE = 10_000;
const CALLS = 300;
/** Differences below it are the machine's, not the page's. */
const SLOWER_MAX = 1.5;

/** ListMemories at the first page and far behind it: the same, since a page token is a place and not an offset. */
export const list: Bench = async (rig, { rounds }) => {
  await fillModule(rig, MODULE, PAGE_SIZE * (FAR_PAGE + 1));
  const farToken = await walk(rig);
  const turns = [];
  for (let round = 0; round < rounds; round += 1) turns.push(await takeTurn(rig, farToken));
  const { nearMs, nearP99Ms, farMs, farP99Ms } = medianOf(turns);
  return {
    title: `a page of ${PAGE_SIZE} of ${(PAGE_SIZE * FAR_PAGE).toLocaleString("en")} memories; medians of the rounds`,
    columns: ["", "p50 ms", "p99 ms"],
    rows: [
      ["page 1", nearMs, nearP99Ms],
      [`page ${FAR_PAGE.toLocaleString("en")}`, farMs, farP99Ms],
    ],
    goals: [
      {
        goal: "the far page, against the first",
        measured: farMs / nearMs,
        limit: SLOWER_MAX,
        bound: "at most",
        unit: "x",
      },
    ],
  };
};

function page({ conductor }: Rig, pageToken: string) {
  const order = ListMemoriesOrder.RECORDED_ASCENDING;
  return conductor.listMemories({ module: MODULE, pageSize: PAGE_SIZE, pageToken, order, view: MemoryView.BASIC });
}

/** The token of the far page, which only walking there gives. */
async function walk(rig: Rig): Promise<string> {
  let token = "";
  for (let at = 1; at < FAR_PAGE; at += 1) token = (await page(rig, token)).nextPageToken;
  return token;
}

async function takeTurn(rig: Rig, farToken: string) {
  const [nearMs, farMs]: [number[], number[]] = [[], []];
  for (let n = 0; n < CALLS; n += 1) {
    nearMs.push(await timed(() => page(rig, "")));
    farMs.push(await timed(() => page(rig, farToken)));
  }
  const [near, far] = [latencyOf(nearMs), latencyOf(farMs)];
  return { nearMs: near.p50Ms, nearP99Ms: near.p99Ms, farMs: far.p50Ms, farP99Ms: far.p99Ms };
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}
