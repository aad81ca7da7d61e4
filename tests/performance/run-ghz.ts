import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { requireTool } from "#tests/support/find-tool.ts";
import type { Latency } from "./quantiles.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "..", "..");

export interface GhzOptions {
  readonly address: string;
  /** `cos.conductor.v1.ConductorService.RecordMemory`. */
  readonly call: string;
  /** From the root of the repository. */
  readonly proto: string;
  /** A file with the request's bytes: fixed, since ghz's templates cost as much as a call. Unset: an empty request. */
  readonly requestFile?: string;
  /** Sent with every call. Unset: none. */
  readonly token?: string;
  readonly concurrency: number;
  readonly seconds: number;
  /** For ghz's report. */
  readonly folder: string;
}

export interface Throughput extends Latency {
  readonly perSecond: number;
}

interface GhzReport {
  readonly rps: number;
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[];
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
}

/** Calls a unary method over and over on one connection; throws if anything but OK is answered. */
export async function runGhz(options: GhzOptions): Promise<Throughput> {
  const output = join(options.folder, "ghz.json");
  await run(requireTool("ghz"), [
    "--insecure",
    `--call=${options.call}`,
    `--proto=${join(ROOT, options.proto)}`,
    `--import-paths=${join(ROOT, "proto")}`,
    ...(options.requestFile === undefined ? ["--data={}"] : [`--binary-file=${options.requestFile}`]),
    ...(options.token === undefined ? [] : [`--metadata={"authorization":"Bearer ${options.token}"}`]),
    `--concurrency=${options.concurrency}`,
    `--duration=${options.seconds}s`,
    "--duration-stop=wait",
    "--format=json",
    `--output=${output}`,
    options.address,
  ]);
  const report = JSON.parse(readFileSync(output, "utf8")) as GhzReport;
  rmSync(output);
  const { OK: _, ...faults } = report.statusCodeDistribution;
  if (Object.keys(faults).length > 0) throw new Error(`${options.call} answered ${JSON.stringify(faults)}`);
  return { perSecond: report.rps, p50Ms: latencyAt(report, 50), p99Ms: latencyAt(report, 99) };
}

function latencyAt({ latencyDistribution }: GhzReport, percentage: number): number {
  return (latencyDistribution.find((each) => each.percentage === percentage)?.latency ?? Number.NaN) / 1e6;
}
