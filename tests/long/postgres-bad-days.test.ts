import { setTimeout as delay } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { detailOf } from "#shared/rpc/error-reason.ts";
import { type Mesh, type MeshClient, openMesh } from "#tests/support/mesh.ts";
import { type Conductor, startConductor } from "#tests/support/mesh-conductor.ts";
import { listen, upTo } from "#tests/support/mesh-listener.ts";
import { refusalOf } from "#tests/support/mesh-refusal.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { startWriters } from "#tests/support/mesh-writers.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(120_000);

const NOTE = { eventType: "note", source: "me", text: "x" };
/** The promise is 2 s; the rest is room for a busy machine. */
const ANSWER_MAX_MS = 3_000;

let mesh: Mesh;
let client: MeshClient;
beforeAll(async () => {
  mesh = await openMesh({ faults: true });
  client = mesh.client();
});
afterAll(() => mesh?.stop());

/** Every call is answered UNAVAILABLE with RetryInfo in time, and health says NOT_SERVING. */
async function expectUnavailable({ conductor }: MeshClient, process: Conductor): Promise<void> {
  const calls = [
    () => conductor.recordMemory({ memory: NOTE }),
    () => conductor.getMemory({ position: 1n }),
    () => conductor.listMemories({}),
    async () => {
      for await (const _ of conductor.subscribe({})) break;
    },
  ];
  const answers = calls.map(async (call) => {
    const startMs = performance.now();
    const error = await call().then(
      () => new Error("answered"),
      (cause: unknown) => ConnectError.from(cause),
    );
    expect(error).toBeInstanceOf(ConnectError);
    expect(refusalOf(error as ConnectError)).toEqual({ code: "Unavailable", reason: "ENGINE_UNAVAILABLE", fields: [] });
    expect(detailOf(error, RetryInfoSchema)?.retryDelay).toBeDefined();
    expect(performance.now() - startMs).toBeLessThan(ANSWER_MAX_MS);
  });
  await Promise.all(answers);
  await eventually(async () => !(await process.isServing()), 10_000);
}

describe("PostgreSQL has a bad day: UNAVAILABLE in time, NOT_SERVING, recovery by itself", () => {
  needs("redis")("frozen, and killed, under load: nothing acknowledged is lost", async () => {
    const listener = listen(mesh.client(), { start: { case: "fromBeginning", value: true } });
    const writers = startWriters(() => mesh.client(), { count: 4, pauseMs: 5 });
    await delay(1_000);

    mesh.postgres.freeze();
    await delay(300);
    await expectUnavailable(client, mesh.conductor);
    mesh.postgres.thaw();
    await eventually(() => mesh.conductor.isServing(), 15_000);
    await delay(1_000);

    await mesh.postgres.kill();
    await expectUnavailable(client, mesh.conductor);
    await mesh.postgres.restart();
    await eventually(() => mesh.conductor.isServing(), 15_000);
    await delay(1_000);

    await writers.stop();
    expect(writers.refusals).toEqual([]);
    expect(writers.retries).toBeGreaterThan(0);
    const { module } = await client.modules.getModule({ name: "cc" });
    const head = Number(module?.head?.position);
    expect(new Set(writers.acknowledged.map(({ position }) => position)).size).toBe(writers.acknowledged.length);
    await listener.reaches(head, "cc", 30_000);
    expect(listener.positions()).toEqual(upTo(head));
    for (const { position, id } of writers.acknowledged) expect(listener.ids().get(position)).toBe(id);
    await listener.close();
  });

  test("not there yet at the start: the conductor waits, and serves when it comes", async () => {
    await mesh.postgres.kill();
    const env = { COS_POSTGRES_URL: mesh.postgresUrl, COS_REDIS_URL: mesh.redisUrl };
    const early = startConductor(await freePort(), env);
    try {
      await eventually(() => early.output().includes('"listening"'));
      await expectUnavailable(mesh.client(early.address), early);
      await mesh.postgres.restart();
      await eventually(() => early.isServing(), 15_000);
      const answer = await mesh.client(early.address).conductor.recordMemory({ memory: NOTE });
      expect(answer.memory?.text).toBe("x");
    } finally {
      await early.stop();
    }
  });

  test("frozen while the conductor is told to stop: it ends with 0 all the same, within its grace", async () => {
    const replica = await mesh.replica({ COS_DRAIN_GRACE: "2s" });
    const { conductor } = mesh.client(replica.address);
    const hanging = [conductor.recordMemory({ memory: NOTE }), conductor.listMemories({})];
    mesh.postgres.freeze();
    hanging.push(conductor.recordMemory({ memory: NOTE }), conductor.listMemories({}));
    const settled = Promise.allSettled(hanging);
    await delay(50);
    const startMs = performance.now();
    const { code } = await replica.stop();
    const tookMs = performance.now() - startMs;
    mesh.postgres.thaw();
    await settled;
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(8_000);
  });
});
