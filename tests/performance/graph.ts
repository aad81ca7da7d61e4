import type { Bench } from "./bench.ts";
import { type GraphRig, openGraphRigs } from "./graph-rig.ts";
import { importDiaryInto } from "./import.ts";
import type { Rig } from "./open-rig.ts";
import { latencyOf, median, medianOf } from "./quantiles.ts";
import { recordSteadily } from "./record-steadily.ts";
import { answerOf } from "./start-child.ts";

const PER_SECOND = 200;
const PROJECTION_GOALS = { postgres: 5_000, neo4j: 2_000 } as const;

/**
 * The diary into the graph from nothing, by a rebuild: from the first position to the swap, the reading of the log and of the texts
 * included. And from the call that records a memory to its node in the hands of somebody who watches the graph.
 */
export const graph: Bench = async (rig, { rounds, seconds }) => {
  const entries = await importDiaryInto(rig, "graph_bench");
  const rigs = await openGraphRigs(rig);
  for (const each of rigs) await rebuild(each);
  const turns = rigs.map((each) => ({ rig: each, seconds: [] as number[], cpuMs: [] as number[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const turn of turns) {
      const before = turn.rig.cpuMs();
      turn.seconds.push(await rebuild(turn.rig));
      turn.cpuMs.push(turn.rig.cpuMs() - before);
    }
  }
  const projected = turns.map(({ rig: each, seconds: took, cpuMs }) => {
    const perSecond = entries / median(took);
    return { engine: each.engine, perSecond, us: (median(cpuMs) * 1000) / entries, memory: each.memoryMiB() };
  });
  const visible = [];
  for (const each of rigs) visible.push({ engine: each.engine, ...(await measureVisible(rig, each, rounds, seconds)) });
  return {
    title: `the diary (${entries.toLocaleString("en")} entries) into the graph; record -> visible at ${PER_SECOND}/s`,
    columns: ["", "per s", "graph us a memory", "MiB", "MiB at most", "p50 ms", "p99 ms"],
    rows: [
      ...projected.map(({ engine, perSecond, us, memory }) => {
        return [`projection, ${engine}`, perSecond, us, memory.now, memory.most, "", ""];
      }),
      ...visible.map(({ engine, p50Ms, p99Ms }) => [`record -> visible, ${engine}`, "", "", "", "", p50Ms, p99Ms]),
    ],
    goals: [
      ...projected.map(({ engine, perSecond }) => {
        const limit = PROJECTION_GOALS[engine];
        return { goal: `projection, ${engine}`, measured: perSecond, limit, bound: "at least" as const, unit: "/s" };
      }),
      ...visible.map(({ engine, p99Ms }) => {
        const goal = `record -> visible p99, ${engine}`;
        return { goal, measured: p99Ms, limit: 100, bound: "at most" as const, unit: " ms" };
      }),
    ],
  };
};

/** Seconds from the call to the swap. */
async function rebuild({ graph }: GraphRig): Promise<number> {
  const began = performance.now();
  let done = false;
  for await (const { progress } of graph.rebuildProjection({})) done = progress?.done === true;
  if (!done) throw new Error("a rebuild ended before it was done");
  return (performance.now() - began) / 1000;
}

/** A node is called by its memory's text: here, by the moment at which its recording was asked for. */
async function measureVisible(rig: Rig, { engine, address }: GraphRig, rounds: number, seconds: number) {
  const module = `visible_bench_${engine}`;
  await rig.modules.registerModule({ module: { name: module } });
  // A module is in the graph from its first memory on.
  const text = "Sir W. Batten to Deptford";
  const { cursor } = await rig.conductor.recordMemory({
    memory: { module, eventType: "note", source: "bench", text },
  });
  const watcher = await rig.start("graph-watcher.ts", address, module, String(cursor?.position));
  const turns = [];
  for (let round = 0; round <= rounds; round += 1) {
    const textOf = () => `${process.hrtime.bigint()} ${text}`;
    const { count } = await recordSteadily(rig, { module, perSecond: PER_SECOND, seconds, textOf });
    watcher.send(count);
    turns.push(latencyOf(await answerOf<number[]>(watcher)));
  }
  return medianOf(turns.slice(1));
}
