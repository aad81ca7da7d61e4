// How fast COS is here, against what this very machine can do.
//
//   node tests/performance/bench.ts [name...] [--rounds 3] [--seconds 3] [--rows 0,10000,100000,1000000] [--json] [--profile folder]
//
// Figures of a machine that does other things too are noisy. So each contender takes its turn in every round, medians are
// reported, and the goals are ratios to floors that were measured between.
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { Closers } from "#shared/lifecycle/closers.ts";
import { auth } from "./auth.ts";
import { consume } from "./consume.ts";
import { deliver } from "./deliver.ts";
import { fanout } from "./fanout.ts";
import { flat } from "./flat.ts";
import { graph } from "./graph.ts";
import { graphReads } from "./graph-reads.ts";
import { importDiary } from "./import.ts";
import { list } from "./list.ts";
import { openRig, type Rig } from "./open-rig.ts";
import { publish } from "./publish.ts";
import { record } from "./record.ts";
import { formatReport, isMet, load, type Report } from "./report.ts";
import { scratch } from "./scratch.ts";

export interface BenchOptions {
  /** How often each contender has its turn. */
  readonly rounds: number;
  /** How long a turn takes, in seconds. */
  readonly seconds: number;
  /** How full the log is made for `flat`, step by step. */
  readonly rows: readonly number[];
}

export type Bench = (rig: Rig, options: BenchOptions) => Promise<Report>;

const BENCHES: Readonly<Record<string, Bench>> = {
  record,
  publish,
  deliver,
  fanout,
  consume,
  list,
  import: importDiary,
  auth,
  scratch,
  graph,
  "graph-reads": graphReads,
  flat,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    rows: { type: "string", default: "0,10000,100000,1000000" },
    json: { type: "boolean", default: false },
    profile: { type: "string" },
  },
});
const wanted = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
const closers = new Closers();
process.once("SIGINT", () => void closers.close().then(() => process.exit(130)));
process.once("SIGTERM", () => void closers.close().then(() => process.exit(143)));
try {
  const rig = await openRig(closers, { profileFolder: values.profile });
  for (const name of wanted) await run(name, rig);
} finally {
  await closers.close();
}

async function run(name: string, rig: Rig): Promise<void> {
  const bench = BENCHES[name];
  if (bench === undefined) throw new Error(`no benchmark ${name}: there are ${Object.keys(BENCHES).join(", ")}`);
  const before = load();
  const { rounds, seconds, rows } = values;
  const report = await bench(rig, {
    rounds: Number(rounds),
    seconds: Number(seconds),
    rows: rows.split(",").map(Number),
  });
  const loads = [before, load()] as const;
  const goals = report.goals.map((goal) => ({ ...goal, met: isMet(goal) }));
  const cores = availableParallelism();
  const cpu = cpus()[0]?.model ?? "unknown";
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ name, ...report, goals, loads, cores, cpu, node: process.version })}\n`
      : `${formatReport(name, report, loads)}\n`,
  );
}
