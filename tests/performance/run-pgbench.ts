import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { requireTool } from "#tests/support/find-tool.ts";
import { latencyOf } from "./quantiles.ts";
import type { Throughput } from "./run-ghz.ts";
import { SAMPLE_TEXT } from "./sample-request.ts";

const run = promisify(execFile);

/** The least that recording could be: one row with its key and the text, in a statement that is its own transaction. */
const TABLE =
  "create table if not exists floor (id bigint generated always as identity primary key, text text not null)";
const SCRIPT = `insert into floor (text) values ('${SAMPLE_TEXT}');\n`;

export interface PgbenchOptions {
  readonly url: string;
  readonly concurrency: number;
  readonly seconds: number;
  /** For the script and the log of transactions. */
  readonly folder: string;
}

/** One-row inserts, prepared, by pgbench: what PostgreSQL itself takes on this machine. */
export async function runPgbench({ url, concurrency, seconds, folder }: PgbenchOptions): Promise<Throughput> {
  await makeTable(url);
  const work = join(folder, "pgbench");
  mkdirSync(work, { recursive: true });
  const script = join(work, "insert.sql");
  writeFileSync(script, SCRIPT);
  const threads = Math.min(concurrency, availableParallelism());
  await run(requireTool("pgbench"), [
    "--no-vacuum",
    "--protocol=prepared",
    `--client=${concurrency}`,
    `--jobs=${threads}`,
    `--time=${seconds}`,
    `--file=${script}`,
    "--log",
    `--log-prefix=${join(work, "transactions")}`,
    url,
  ]);
  const tookMs = readLogs(work);
  rmSync(work, { recursive: true });
  return { perSecond: tookMs.length / seconds, ...latencyOf(tookMs) };
}

async function makeTable(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(TABLE);
  } finally {
    await client.end();
  }
}

/** A line a transaction; the third field is what it took, in microseconds. */
function readLogs(folder: string): number[] {
  const logs = readdirSync(folder).filter((file) => file.startsWith("transactions"));
  return logs.flatMap((file) =>
    readFileSync(join(folder, file), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => Number(line.split(" ", 3)[2]) / 1000),
  );
}
