// Where a process spent its time: the functions of a CPU profile by self time.
//
//   node tests/performance/bench.ts record --profile <folder>
//   node tests/performance/top-functions.ts <folder>/*.cpuprofile [count]
import { readFileSync } from "node:fs";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const IDLE = new Set(["(idle)", "(root)"]);
const [file = "", count = "40"] = process.argv.slice(2);
const profile = JSON.parse(readFileSync(file, "utf8")) as Profile;

const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
const selfUs = new Map<string, number>();
let busyUs = 0;
for (const [n, id] of profile.samples.entries()) {
  const place = places.get(id) ?? "?";
  const us = profile.timeDeltas[n] ?? 0;
  if (IDLE.has(place)) continue;
  busyUs += us;
  selfUs.set(place, (selfUs.get(place) ?? 0) + us);
}
process.stdout.write(`busy for ${(busyUs / 1e6).toFixed(1)} s\n`);
for (const [place, us] of [...selfUs].sort(([, a], [, b]) => b - a).slice(0, Number(count))) {
  process.stdout.write(`${((us / busyUs) * 100).toFixed(2).padStart(6)}%  ${place}\n`);
}

/** The function and where it stands, from the folder of its package on. */
function placeOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const file = url.replace(/^.*\/(?=(?:shared|services|gen|node_modules)\/)/, "");
  const name = functionName === "" ? "(anonymous)" : functionName;
  return file === "" ? name : `${name}  ${file}:${lineNumber + 1}`;
}
