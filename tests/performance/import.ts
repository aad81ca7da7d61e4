import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import type { Rig } from "./open-rig.ts";
import { medianOf } from "./quantiles.ts";
import { SAMPLE_TEXT } from "./sample-request.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Pepys' diary, where it lies beside the repository; else as many entries of the same length are made up. */
const DIARY = join(ROOT, "..", "shared", "data", "pepys.jsonl.gz");
const ENTRIES = 3_413;

/** `cos import` of a diary as a person types it, the start of Node included. */
export const importDiary: Bench = async (rig, { rounds }) => {
  const file = existsSync(DIARY) ? DIARY : makeDiary(rig.folder);
  const turns = [];
  for (let round = 0; round < rounds; round += 1) turns.push(await takeTurn(rig, file, `import_bench_${round}`));
  const { seconds, conductorUs } = medianOf(turns);
  return {
    title: `cos import of ${ENTRIES.toLocaleString("en")} diary entries; medians of the rounds`,
    columns: ["", "s", "per s", "conductor us a memory"],
    rows: [["cos import", seconds, ENTRIES / seconds, conductorUs]],
    goals: [],
  };
};

/** Brings the diary into a module; answers with the number of its entries. */
export async function importDiaryInto(rig: Rig, module: string): Promise<number> {
  await takeTurn(rig, existsSync(DIARY) ? DIARY : makeDiary(rig.folder), module);
  return ENTRIES;
}

async function takeTurn({ address, cpuMs, conductor }: Rig, file: string, module: string) {
  const cpuBefore = cpuMs.conductor();
  const began = performance.now();
  const map = "idempotency_key=key,occurred_at=occurred_on,source=author";
  const command = spawn(
    process.execPath,
    [join(ROOT, "services/cli/main.ts"), "import", file, "--module", module, "--map", map],
    { env: { PATH: process.env.PATH, COS_CONDUCTOR_ADDRESS: address }, stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  command.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = await once(command, "close");
  const seconds = (performance.now() - began) / 1_000;
  const conductorUs = ((cpuMs.conductor() - cpuBefore) * 1_000) / ENTRIES;
  if (code !== 0) throw new Error(`cos import ended with ${code}: ${said}`);
  // It throws unless every entry is there.
  await conductor.getMemory({ module, position: BigInt(ENTRIES) });
  return { seconds, conductorUs };
}

function makeDiary(folder: string): string {
  const file = join(folder, "diary.jsonl");
  const text = SAMPLE_TEXT.repeat(4);
  const entry = (n: number) => {
    const day = new Date(Date.UTC(1660, 0, 1 + n)).toISOString().slice(0, 10);
    return JSON.stringify({ key: `entry ${n}`, occurred_on: day, event_type: "diary.entry", author: "bench", text });
  };
  writeFileSync(file, `${Array.from({ length: ENTRIES }, (_, n) => entry(n)).join("\n")}\n`);
  return file;
}
