import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Bench } from "./bench.ts";
import { fillModule } from "./fill-module.ts";
import type { Rig } from "./open-rig.ts";
import { median } from "./quantiles.ts";
import type { Goal } from "./report.ts";
import { answerOf } from "./start-child.ts";

const MODULE = "consume_bench";
const EVENTS = 40_000;
const CREDIT = 2000;
const IDLE = 1000;
const IDLE_SECONDS = 10;
const SETTLE_MS = 10_000;
const LEASE = { seconds: 3n };
const MEMBERS = [1, 4] as const;

let names = 0;

/** Durable consumers: how fast work is handed out and settled, how soon it goes to another, and what those cost that have none. */
export const consume: Bench = async (rig, { rounds }) => {
  await fillModule(rig, MODULE, EVENTS);
  const rates = new Map<number, number[]>(MEMBERS.map((members) => [members, []]));
  const delays = { killed: [] as number[], frozen: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const members of MEMBERS) rates.get(members)?.push(await rateOf(rig, members));
    delays.killed.push(await delayAfter(rig, "SIGKILL"));
    delays.frozen.push(await delayAfter(rig, "SIGSTOP"));
  }
  const idle = await costOfIdle(rig);
  const [one, four] = MEMBERS.map((members) => median(rates.get(members) ?? [])) as [number, number];
  return {
    title: `durable consumers; medians of the rounds; ${EVENTS} events a turn, each settled`,
    columns: ["", "figure"],
    rows: [
      ["1 member, events settled per s", one],
      ["4 members, events settled per s", four],
      ["a member is killed (-9): another has its work after, ms", median(delays.killed)],
      ["a member is frozen, its lease 3 s: another has its work after, ms", median(delays.frozen)],
      [`${IDLE} idle consumers, a member each: memory of the conductor for each, KiB`, idle.kibEach],
      [`${IDLE} idle consumers: transactions of PostgreSQL per s, more than without`, idle.transactions],
      [`${IDLE} idle consumers: CPU of the conductor, ms per s, more than without`, idle.cpuMs],
    ],
    goals: goalsOf(one, four, median(delays.killed)),
  };
};

function goalsOf(one: number, four: number, killedMs: number): Goal[] {
  const rate = { limit: 10_000, bound: "at least", unit: "/s" } as const;
  return [
    { goal: "1 member", measured: one, ...rate },
    { goal: "4 members", measured: four, ...rate },
    { goal: "redelivery after kill -9, lease 3 s", measured: killedMs, limit: 5000, bound: "at most", unit: " ms" },
  ];
}

/** A consumer of the module, from its beginning, or its end. */
async function openConsumer({ highway }: Rig, fromBeginning: boolean): Promise<string> {
  names += 1;
  const name = `bench-${names}`;
  const consumer = { name, modules: [MODULE], key: Consumer_Key.NONE, lease: LEASE, maxInFlight: 10_000 };
  await highway.createConsumer({ consumer, start: { case: "fromBeginning", value: fromBeginning } });
  return name;
}

/** From the members' joining until all is settled. */
async function rateOf(rig: Rig, members: number): Promise<number> {
  const name = await openConsumer(rig, true);
  const names = Array.from({ length: members }, () => name);
  const child = await rig.start("consume-members.ts", rig.address, "settle", String(CREDIT), ...names);
  const beganMs = performance.now();
  for (;;) {
    const { status } = await rig.highway.getConsumer({ name });
    if (status?.places[0]?.settled?.position === BigInt(EVENTS)) break;
    await sleep(20);
  }
  const tookMs = performance.now() - beganMs;
  child.kill();
  await rig.highway.deleteConsumer({ name });
  return (EVENTS / tookMs) * 1000;
}

/** From the end of a member that holds an event until another has it. */
async function delayAfter(rig: Rig, signal: "SIGKILL" | "SIGSTOP"): Promise<number> {
  const name = await openConsumer(rig, false);
  const first = await rig.start("consume-members.ts", rig.address, "hold", "1", name);
  const given = answerOf(first);
  await rig.conductor.recordMemory({ memory: { module: MODULE, eventType: "note", source: "bench", text: "t" } });
  await given;
  const second = await rig.start("consume-members.ts", rig.address, "hold", "1", name);
  const again = answerOf(second);
  const beganMs = performance.now();
  first.kill(signal);
  await again;
  const tookMs = performance.now() - beganMs;
  for (const child of [first, second]) child.kill("SIGKILL");
  await rig.highway.deleteConsumer({ name });
  return tookMs;
}

async function costOfIdle(rig: Rig) {
  const database = new Client({ connectionString: rig.postgresUrl });
  await database.connect();
  const stand = async () => {
    await database.query("select pg_stat_clear_snapshot()");
    const { rows } = await database.query<{ sum: string }>("select sum(xact_commit) from pg_stat_database");
    return { transactions: Number(rows[0]?.sum), cpuMs: rig.cpuMs.conductor(), kib: residentKib(rig.conductorPid) };
  };
  const overTime = async () => {
    const before = await stand();
    await sleep(IDLE_SECONDS * 1000);
    const after = await stand();
    return {
      transactions: (after.transactions - before.transactions) / IDLE_SECONDS,
      cpuMs: (after.cpuMs - before.cpuMs) / IDLE_SECONDS,
      kib: after.kib,
    };
  };
  const without = await overTime();
  const consumers: string[] = [];
  for (let n = 0; n < IDLE; n += 1) consumers.push(await openConsumer(rig, false));
  const child = await rig.start("consume-members.ts", rig.address, "settle", "1", ...consumers);
  // What their joining brought about is over by then.
  await sleep(SETTLE_MS);
  const withThem = await overTime();
  child.kill();
  await database.end();
  return {
    transactions: withThem.transactions - without.transactions,
    cpuMs: withThem.cpuMs - without.cpuMs,
    kibEach: (withThem.kib - without.kib) / IDLE,
  };
}

/** What a process has in memory; NaN where the system does not say. */
function residentKib(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return Number.NaN;
  }
}
