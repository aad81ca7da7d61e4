// The tests of a minute run at once: a minute is a minute.

import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, jest } from "@jest/globals";
import { SubscribeRequestSchema, SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { listen, upTo } from "#tests/support/mesh-listener.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { startWriters } from "#tests/support/mesh-writers.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(400_000);

const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;
// Just below what the highway carries whole.
const TEXT_LENGTH = 60_000;
/** What the conductor may grow by in that minute, most of it the heap that V8 allows itself under load. */
const GROWTH_MAX_BYTES = 160 * MIB;

let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh({ faults: true });
  for (const name of ["busy", "quiet"]) await mesh.client().modules.registerModule({ module: { name } });
});
afterAll(() => mesh?.stop());

/** The resident memory of the conductor. */
function residentBytes(): number {
  const status = readFileSync(`/proc/${mesh.conductor.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** A subscriber over bare HTTP/2, which decides for itself when to read; its window is as small as the protocol's own. */
function subscribeBarely(session: ClientHttp2Session) {
  const stream = session.request({
    ":method": "POST",
    ":path": "/cos.conductor.v1.ConductorService/Subscribe",
    "content-type": "application/grpc+proto",
    te: "trailers",
  });
  const start = { case: "fromBeginning", value: true } as const;
  const message = toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, { modules: ["busy"], start }));
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  stream.end(frame);
  stream.on("error", () => {});
  return stream;
}

/** Reads gRPC frames from now on, and notes the positions and kinds of frame that come. */
function readAll(stream: ReturnType<typeof subscribeBarely>) {
  const positions: number[] = [];
  const kinds = new Set<string>();
  const state = { at: 0, broken: undefined as string | undefined };
  let chunks: Buffer[] = [];
  let wanted = 5;
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    if (chunks.reduce((sum, { length }) => sum + length, 0) < wanted) return;
    let rest = Buffer.concat(chunks);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const length = rest.readUInt32BE(1);
      const { frame } = fromBinary(SubscribeResponseSchema, rest.subarray(5, 5 + length));
      rest = rest.subarray(5 + length);
      kinds.add(frame.case ?? "unknown");
      if (frame.case !== "batch") continue;
      if (Number(frame.value.after) !== state.at) state.broken = `after ${frame.value.after} at ${state.at}`;
      state.at = Number(frame.value.cursor?.position);
      for (const { body } of frame.value.events) positions.push(Number(body.value?.position));
    }
    chunks = [rest];
    wanted = rest.length < 5 ? 5 : 5 + rest.readUInt32BE(1);
  });
  return { positions, kinds, state };
}

needs("redis")("a minute: one reads nothing, one hears nothing, and nobody else notices", async () => {
  // Asked for one heartbeat a minute: between two of them keepalive alone holds the connection.
  const quiet = listen(mesh.client(), { modules: ["quiet"], heartbeat: { seconds: 60n } });
  const other = listen(mesh.client(), { modules: ["busy"], start: { case: "fromBeginning", value: true } });
  const session = connect(mesh.url);
  const stalled = subscribeBarely(session);
  stalled.pause();
  await eventually(() => quiet.states.some(({ kind }) => kind === "caught_up"));
  const writers = startWriters(() => mesh.client(), {
    count: 4,
    modules: ["busy"],
    pauseMs: 5,
    textLength: TEXT_LENGTH,
  });
  await delay(10_000);
  const beforeBytes = residentBytes();
  let slowestMs = 0;
  // What is not read must not fit into what the conductor may grow by: on a busy machine that takes more than a minute.
  const written = () => writers.acknowledged.length * TEXT_LENGTH;
  for (let passed = 0; passed < MINUTE_MS || written() <= GROWTH_MAX_BYTES; passed += 5_000) {
    await delay(5_000);
    slowestMs = Math.max(slowestMs, writers.slowestMs());
    // Others do not notice: the second subscriber stays with the writers.
    await other.reaches(writers.acknowledged.at(-1)?.position ?? 0, "busy", 3_000);
  }
  await writers.stop();
  expect(residentBytes() - beforeBytes).toBeLessThan(GROWTH_MAX_BYTES);
  expect(slowestMs).toBeLessThan(2_000);

  const last = Math.max(...writers.acknowledged.map(({ position }) => position));
  const read = readAll(stalled);
  stalled.resume();
  await eventually(
    () => read.state.at >= last,
    60_000,
    () => JSON.stringify(read.state),
  );
  expect(read.state.broken).toBeUndefined();
  expect([...read.kinds]).toEqual(expect.arrayContaining(["fellBehind", "caughtUp"]));
  expect(read.positions).toEqual(upTo(last));
  expect(other.positions("busy")).toEqual(upTo(last));

  // The quiet stream lived through it: it was connected once, and hears what comes now.
  expect(quiet.states.filter(({ kind }) => kind === "connected")).toHaveLength(1);
  await mesh
    .client()
    .conductor.recordMemory({ memory: { module: "quiet", eventType: "note", source: "me", text: "x" } });
  await quiet.reaches(1, "quiet");
  session.destroy();
  await Promise.all([quiet.close(), other.close()]);
});
