import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { type CpuMs, cpuMsOf } from "./cpu-ms-of.ts";
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

const NAMES = ["pgbench", "echo", "RecordMemory"] as const;
type Name = (typeof NAMES)[number];

interface Contender {
  readonly run: (concurrency: number, seconds: number) => Promise<Throughput>;
  /** Of the Node process that serves, if there is one; and of PostgreSQL and Redis. */
  readonly node: CpuMs;
  readonly engines: CpuMs;
}

/** CPU is in microseconds a call. */
interface Turn extends Throughput {
  readonly nodeUs: number;
  readonly enginesUs: number;
}

/** RecordMemory against the two floors that it stands on: a row in PostgreSQL, and an empty answer of grpc-js. */
export const record: Bench = async (rig, { rounds, seconds }) => {
  const contenders = { pgbench: pgbench(rig), echo: await echo(rig), RecordMemory: recordMemory(rig) };
  for (const name of NAMES) await contenders[name].run(64, WARM_UP_SECONDS);

  const figures: Figures[] = [];
  for (const concurrency of CONCURRENCIES) {
    const turns: Record<Name, Turn[]> = { pgbench: [], echo: [], RecordMemory: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const name of NAMES) turns[name].push(await takeTurn(contenders[name], concurrency, seconds));
    }
    const { pgbench, echo, RecordMemory } = turns;
    const medians = { pgbench: medianOf(pgbench), echo: medianOf(echo), RecordMemory: medianOf(RecordMemory) };
    figures.push({ concurrency, medians });
  }
  return reportOf(figures);
};

async function takeTurn({ run, node, engines }: Contender, concurrency: number, seconds: number): Promise<Turn> {
  const [nodeBefore, enginesBefore] = [node(), engines()];
  const throughput = await run(concurrency, seconds);
  const calls = throughput.perSecond * seconds;
  const us = (before: number, after: number) => ((after - before) * 1000) / calls;
  return { ...throughput, nodeUs: us(nodeBefore, node()), enginesUs: us(enginesBefore, engines()) };
}

interface Figures {
  readonly concurrency: number;
  readonly medians: Readonly<Record<Name, Turn>>;
}

function reportOf(figures: readonly Figures[]): Report {
  const rows = figures.flatMap(({ concurrency, medians }) =>
    NAMES.map((name) => {
      const { perSecond, p50Ms, p99Ms, nodeUs, enginesUs } = medians[name];
      const ratio = perSecond / medians.echo.perSecond;
      return [`${name} c=${concurrency}`, perSecond, p50Ms, p99Ms, ratio, nodeUs, enginesUs];
    }),
  );
  return {
    title: "RecordMemory against a one-row insert and an empty echo; medians of the rounds, CPU a call",
    columns: ["", "per s", "p50 ms", "p99 ms", "x echo", "Node us", "engines us"],
    rows,
    goals: figures.map(goalOf),
  };
}

function goalOf({ concurrency, medians: { pgbench, echo, RecordMemory } }: Figures): Goal {
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

const nothing: CpuMs = () => 0;

function pgbench({ postgresUrl: url, folder, cpuMs }: Rig): Contender {
  return {
    run: (concurrency, seconds) => runPgbench({ url, concurrency, seconds, folder }),
    node: nothing,
    engines: cpuMs.postgres,
  };
}

async function echo({ folder, closers }: Rig): Promise<Contender> {
  const server = await startChild({ name: "echo", script: "tests/performance/echo-server.ts" }, closers);
  const { port } = await answerOf<{ port: number }>(server);
  const call = {
    address: `127.0.0.1:${port}`,
    call: "grpc.health.v1.Health.Check",
    proto: "proto/grpc/health/v1/health.proto",
    folder,
  };
  return {
    run: (concurrency, seconds) => runGhz({ ...call, concurrency, seconds }),
    node: cpuMsOf(server.pid as number),
    engines: nothing,
  };
}

function recordMemory({ address, folder, cpuMs }: Rig): Contender {
  const requestFile = join(folder, "request.bin");
  writeFileSync(requestFile, sampleRequestBytes());
  const call = {
    address,
    call: "cos.conductor.v1.ConductorService.RecordMemory",
    proto: "proto/cos/conductor/v1/conductor_service.proto",
    requestFile,
    folder,
  };
  return {
    run: (concurrency, seconds) => runGhz({ ...call, concurrency, seconds }),
    node: cpuMs.conductor,
    engines: () => cpuMs.postgres() + cpuMs.redis(),
  };
}
