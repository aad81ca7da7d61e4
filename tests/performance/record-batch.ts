// What a memory costs on its way into the log, and whether that depends on how many are there.
//
//   node tests/performance/record-batch.ts [postgres-url] [rows,rows,...]
//
// Makes a database of its own on the server of the URL (COS_POSTGRES_URL by default), fills it step by step through record_batch itself,
// and prints at each step: throughput, latency and this process's CPU by concurrency, then the same for one call of record_batch.

import { randomUUIDv7 } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { Client } from "pg";
import { RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { acceptMemory } from "#services/conductor/domain/accept-memory.ts";
import type { AcceptedMemory } from "#services/conductor/domain/accepted-memory.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { openStore, type Store } from "#services/conductor/store/open-store.ts";
import { recordBatch } from "#services/conductor/store/record-batch.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openLog } from "#shared/log/open-log.ts";

const [
  server = process.env.COS_POSTGRES_URL ?? "postgres://postgres@127.0.0.1:50432/postgres",
  steps = "0,10000,100000,1000000",
] = process.argv.slice(2);
const concurrencies = [1, 16, 64, 256];
const warmUpMs = 500;
const measureMs = 2000;
const log = openLog({ service: "bench", level: "error" });
const text = "Up betimes and to my office, where all the morning. ".repeat(8);

function memory(): AcceptedMemory {
  const id = randomUUIDv7();
  const request = create(RecordMemoryRequestSchema, {
    memory: {
      eventType: "diary.entry",
      source: "pepys",
      text,
      sessionId: `session ${Math.floor(Math.random() * 50)}`,
      tags: ["office", "morning"],
      payload: { mood: "good" },
    },
    idempotencyKey: id,
  });
  return acceptMemory(request, { id, requestId: id, traceId: "", traceparent: "" });
}

const quantile = (sorted: readonly number[], q: number) => sorted[Math.floor((sorted.length - 1) * q)]!.toFixed(2);

async function measure(store: Store, rows: number, concurrency: number): Promise<void> {
  let latencies: number[] = [];
  let running = true;
  const call = async () => {
    while (running) {
      const began = performance.now();
      await store.record(localScope(), memory());
      latencies.push(performance.now() - began);
    }
  };
  const callers = Array.from({ length: concurrency }, call);
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  latencies = [];
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const { user, system } = process.cpuUsage(cpu);
  const done = [...latencies].sort((a, b) => a - b);
  running = false;
  await Promise.all(callers);
  print(rows, `record, ${concurrency} callers`, {
    "p50 ms": quantile(done, 0.5),
    "p99 ms": quantile(done, 0.99),
    "per s": Math.round((done.length * 1000) / measureMs),
    "CPU us": Math.round((user + system) / done.length),
  });
}

/** One statement at a time on one connection: what the function itself takes. */
async function measureStatement(client: Client, rows: number, size: number): Promise<void> {
  const took: number[] = [];
  for (let n = 0; n < 60; n++) {
    const batch = Array.from({ length: size }, memory);
    const began = performance.now();
    await recordBatch(client, batch, { atomic: false, again: false, timeoutMs: 10_000 });
    took.push(performance.now() - began);
  }
  took.sort((a, b) => a - b);
  print(rows, `record_batch of ${size}`, { "p50 ms": quantile(took, 0.5), "p99 ms": quantile(took, 0.99) });
}

function print(rows: number, what: string, figures: Record<string, string | number>): void {
  const columns = Object.entries(figures).map(([name, figure]) => `${figure} ${name}`.padEnd(16));
  process.stdout.write(`${String(rows).padStart(8)} rows  ${what.padEnd(22)} ${columns.join("")}\n`);
}

async function fill(client: Client, upTo: number): Promise<void> {
  const { rows } = await client.query("select position from mem0_cc.head where module = 'cc'");
  for (let at = Number(rows[0].position); at < upTo; at += 1000) {
    const batch = Array.from({ length: Math.min(1000, upTo - at) }, memory);
    await recordBatch(client, batch, { atomic: false, again: false, timeoutMs: 30_000 });
  }
}

const database = `store_bench_${process.pid}`;
const admin = new Client({ connectionString: server });
await admin.connect();
await admin.query(`create database ${database}`);
const url = Object.assign(new URL(server), { pathname: `/${database}` }).href;
try {
  await migrateConductor({ url, log });
  // The store is opened first and never again: its plans are those that were made on empty tables.
  const store = await openStore({ url, log });
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const rows of steps.split(",").map(Number)) {
    await fill(client, rows);
    for (const concurrency of concurrencies) await measure(store, rows, concurrency);
    for (const size of [1, 64, 256]) await measureStatement(client, rows, size);
  }
  await client.end();
  await store.close();
} finally {
  await admin.query(`drop database ${database} with (force)`);
  await admin.end();
}
