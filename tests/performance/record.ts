import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import type { Rig } from "./open-rig.ts";
import { medianOf } from "./quantiles.ts";
import type { Goal, Report } from "./report.ts";
import { runGhz, type Throughput } from "./run-ghz.ts";
import { runPgbench } from "./run-pgbench.ts";
import { sampleRequestBytes } from "./sample-request.ts";
import { answerOf, startChild } from "./start-child.ts";

const WARM_UP_SECONDS = 2;

/** One caller, and as many as a busy mesh has. */
const CONCURRENCIES = [1, 64] as const;

type Contender = (concurrency: number, seconds: number) => Promise<Throughput>;

/** RecordMemory against the two floors that it stands on: a row in PostgreSQL, and an empty answer of grpc-js. */
export const record: Bench = async (rig, { rounds, seconds }) => {
  const contenders = { pgbench: pgbench(rig), echo: await echo(rig), RecordMemory: recordMemory(rig) };
  for (const contender of Object.values(contenders)) await contender(64, WARM_UP_SECONDS);

  const figures: { concurrency: number; medians: Record<keyof typeof contenders, Throughput> }[] = [];
  for (const concurrency of CONCURRENCIES) {
    const taken: Record<keyof typeof contenders, Throughput[]> = { pgbench: [], echo: [], RecordMemory: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const name of ["pgbench", "echo", "RecordMemory"] as const) {
        taken[name].push(await contenders[name](concurrency, seconds));
      }
    }
    const { pgbench, echo, RecordMemory } = taken;
    figures.push({
      concurrency,
      medians: { pgbench: medianOf(pgbench), echo: medianOf(echo), RecordMemory: medianOf(RecordMemory) },
    });
  }
  return reportOf(figures.map(({ concurrency, medians }) => ({ concurrency, ...medians })));
};

interface Figures {
  readonly concurrency: number;
  readonly pgbench: Throughput;
  readonly echo: Throughput;
  readonly RecordMemory: Throughput;
}

function reportOf(figures: readonly Figures[]): Report {
  const rows = figures.flatMap(({ concurrency, ...taken }) =>
    Object.entries(taken).map(([name, { perSecond, p50Ms, p99Ms }]) => [
      `${name} c=${concurrency}`,
      perSecond,
      p50Ms,
      p99Ms,
      perSecond / taken.echo.perSecond,
    ]),
  );
  return {
    title: "RecordMemory against a one-row insert and an empty echo; medians of the rounds",
    columns: ["", "per s", "p50 ms", "p99 ms", "x echo"],
    rows,
    goals: figures.map(goalOf),
  };
}

function goalOf({ concurrency, pgbench, echo, RecordMemory }: Figures): Goal {
  return concurrency === 1
    ? {
        goal: "p50 of one caller, against echo + 3 x pgbench",
        measured: RecordMemory.p50Ms,
        limit: echo.p50Ms + 3 * pgbench.p50Ms,
        bound: "at most",
        unit: " ms",
      }
    : {
        goal: `throughput of ${concurrency} callers, against the echo's`,
        measured: RecordMemory.perSecond / echo.perSecond,
        limit: 0.6,
        bound: "at least",
        unit: "x",
      };
}

function pgbench({ postgresUrl: url, folder }: Rig): Contender {
  return (concurrency, seconds) => runPgbench({ url, concurrency, seconds, folder });
}

async function echo({ folder, closers }: Rig): Promise<Contender> {
  const server = await startChild({ name: "echo", script: "tests/performance/echo-server.ts" }, closers);
  const { port } = await answerOf<{ port: number }>(server);
  return (concurrency, seconds) =>
    runGhz({
      address: `127.0.0.1:${port}`,
      call: "grpc.health.v1.Health.Check",
      proto: "proto/grpc/health/v1/health.proto",
      concurrency,
      seconds,
      folder,
    });
}

function recordMemory({ address, folder }: Rig): Contender {
  const requestFile = join(folder, "request.bin");
  writeFileSync(requestFile, sampleRequestBytes());
  return (concurrency, seconds) =>
    runGhz({
      address,
      call: "cos.conductor.v1.ConductorService.RecordMemory",
      proto: "proto/cos/conductor/v1/conductor_service.proto",
      requestFile,
      concurrency,
      seconds,
      folder,
    });
}
