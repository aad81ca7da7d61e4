import { randomUUIDv7 } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Client } from "pg";
import { RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { acceptMemory } from "#services/conductor/domain/accept-memory.ts";
import type { AcceptedMemory } from "#services/conductor/domain/accepted-memory.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { openStore, type Store } from "#services/conductor/store/open-store.ts";
import { recordBatch } from "#services/conductor/store/record-batch.ts";
import { localScope } from "#shared/auth/scope.ts";
import { administer, withDatabase } from "#tests/support/administer.ts";
import type { Bench } from "./bench.ts";
import type { CpuMs } from "./cpu-ms-of.ts";
import { latencyOf, median } from "./quantiles.ts";
import { SAMPLE_TEXT } from "./sample-request.ts";

const DATABASE = "flat_bench";
const FILL_BATCH = 1_000;
const CALLERS = 64;
const STATEMENTS = 60;
const WARM_UP_MS = 500;
/** How much slower the fullest may be than the emptiest: a plan gone wrong costs tens of times. */
const SLOWER_MAX = 1.5;

/**
 * Whether recording depends on how much has been recorded: the same at nothing, and at a million memories.
 *
 * The store is opened once, before anything is recorded: its plans are those that were made on empty tables.
 */
export const flat: Bench = async (rig, { seconds, rounds, rows }) => {
  const url = withDatabase(rig.postgresUrl, DATABASE);
  await administer(rig.postgresUrl, `create database ${DATABASE}`);
  await migrateConductor({ url, log: rig.log });
  const store = await openStore({ url, log: rig.log });
  const client = new Client({ connectionString: url });
  await client.connect();
  const steps: Step[] = [];
  try {
    for (const count of rows) {
      await fill(client, count);
      steps.push(await measure({ store, client, cpu: rig.cpuMs.postgres, seconds: seconds * rounds }, count));
    }
  } finally {
    await client.end();
    await store.close();
    await administer(rig.postgresUrl, `drop database ${DATABASE} with (force)`);
  }
  return {
    title: `recording by how much is there: ${CALLERS} callers of the store, and one statement at a time`,
    columns: ["memories", "per s", "one: p50 ms", "64: p50 ms", "256: p50 ms", "engines us"],
    rows: steps.map(({ count, perSecond, oneMs, someMs, manyMs, engineUs }) => [
      count.toLocaleString("en"),
      perSecond,
      oneMs,
      someMs,
      manyMs,
      engineUs,
    ]),
    goals: [goalOf(steps)],
  };
};

interface Step {
  readonly count: number;
  readonly perSecond: number;
  /** PostgreSQL's CPU for a memory, in microseconds. */
  readonly engineUs: number;
  readonly oneMs: number;
  readonly someMs: number;
  readonly manyMs: number;
}

interface Subject {
  readonly store: Store;
  readonly client: Client;
  readonly cpu: CpuMs;
  readonly seconds: number;
}

async function measure({ store, client, cpu, seconds }: Subject, count: number): Promise<Step> {
  const { recorded, cpuMs } = await recordByMany(store, cpu, seconds * 1_000);
  return {
    count,
    perSecond: recorded / seconds,
    engineUs: (cpuMs * 1_000) / recorded,
    oneMs: await statement(client, 1),
    someMs: await statement(client, 64),
    manyMs: await statement(client, 256),
  };
}

/** By PostgreSQL's CPU, which hardly depends on what else the machine does. The emptiest step also plans and warms up. */
function goalOf(steps: readonly Step[]) {
  const goal = "PostgreSQL's CPU for a memory, at the fullest against the median";
  const measured = (steps.at(-1)?.engineUs ?? Number.NaN) / median(steps.map(({ engineUs }) => engineUs));
  return { goal, measured, limit: SLOWER_MAX, bound: "at most" as const, unit: "x" };
}

/** With what makes PostgreSQL work: a key, a session, tags and a payload. */
function memory(): AcceptedMemory {
  const id = randomUUIDv7();
  const request = create(RecordMemoryRequestSchema, {
    memory: {
      eventType: "diary.entry",
      source: "bench",
      text: SAMPLE_TEXT,
      sessionId: `session ${Math.floor(Math.random() * 50)}`,
      tags: ["office", "morning"],
      payload: { mood: "good" },
    },
    idempotencyKey: id,
  });
  return acceptMemory(request, { id, requestId: id, recordedBy: "bench", traceId: "", traceparent: "" });
}

/** How many were recorded, and at what cost. */
async function recordByMany(
  store: Store,
  cpu: CpuMs,
  durationMs: number,
): Promise<{ recorded: number; cpuMs: number }> {
  let [count, running] = [0, true];
  const call = async () => {
    while (running) {
      await store.record(localScope(), memory());
      count += 1;
    }
  };
  const callers = Array.from({ length: CALLERS }, call);
  await sleep(WARM_UP_MS);
  const [before, cpuBefore] = [count, cpu()];
  await sleep(durationMs);
  const answer = { recorded: count - before, cpuMs: cpu() - cpuBefore };
  running = false;
  await Promise.all(callers);
  return answer;
}

/** One statement at a time on one connection: what the function itself takes. */
async function statement(client: Client, size: number): Promise<number> {
  const tookMs: number[] = [];
  for (let n = 0; n < STATEMENTS; n += 1) {
    const batch = Array.from({ length: size }, memory);
    const began = performance.now();
    await recordBatch(client, batch, { atomic: false, again: false, timeoutMs: 10_000 });
    tookMs.push(performance.now() - began);
  }
  return latencyOf(tookMs).p50Ms;
}

async function fill(client: Client, upTo: number): Promise<void> {
  const { rows } = await client.query<{ position: string }>("select position from mem0_cc.head where module = 'cc'");
  for (let at = Number(rows[0]?.position); at < upTo; at += FILL_BATCH) {
    const batch = Array.from({ length: Math.min(FILL_BATCH, upTo - at) }, memory);
    await recordBatch(client, batch, { atomic: false, again: false, timeoutMs: 60_000 });
  }
}
