import { setTimeout as delay } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import { afterAll, afterEach, expect, jest, test } from "@jest/globals";
import { Redis } from "ioredis";
import type { Verdict } from "#gen/cos/graph/v1/projection_pb.ts";
import { type GraphMesh, openGraphMesh } from "#tests/support/mesh-graph.ts";
import type { MeshProcess } from "#tests/support/mesh-process.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(300_000);

const MODULES = ["cc", "letters"];
const PEOPLE = ["Anna", "Bert", "Carl", "Dora", "Emil", "Frida"];

const meshes: GraphMesh[] = [];
const writing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(writing.splice(0).map((stop) => stop()));
});
afterAll(() => Promise.all(meshes.map((mesh) => mesh.stop())));

async function open(env: Record<string, string> = {}): Promise<GraphMesh> {
  const mesh = await openGraphMesh({ faults: true, env, graphEnv: env });
  meshes.push(mesh);
  await mesh.client().modules.registerModule({ module: { name: "letters" } });
  return mesh;
}

/** Records notes that name people, tells some and forgets some, and merges names now and then; what fails is done again. */
function write(mesh: GraphMesh) {
  const client = mesh.client();
  const stopping = new AbortController();
  const last = new Map<string, bigint>();
  const ids: { id: string; module: string }[] = [];
  let recorded = 0;
  const again = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (
          !["unavailable", "deadline", "canceled", "unknown", "internal", "aborted"].some((word) =>
            ConnectError.from(error).message.includes(word),
          )
        )
          throw error;
        await delay(50);
      }
    }
  };
  const record = async (n: number) => {
    const module = MODULES[n % 2] as string;
    const [left, right] = [PEOPLE[n % 6], PEOPLE[(n * 7 + 3) % 6]];
    const memory = {
      module,
      eventType: "note.written",
      source: `writer ${n % 3}`,
      sessionId: `day ${n % 11}`,
      text: `[[${left}]] wrote to [[${right}]] of @${right}.`,
    };
    const idempotencyKey = `note-${n}`;
    const answer = await again(() => client.conductor.recordMemory({ memory, idempotencyKey }, { timeoutMs: 5_000 }));
    last.set(module, answer.cursor?.position ?? 0n);
    ids.push({ module, id: answer.memory?.id ?? "" });
    recorded += 1;
  };
  const act = async (n: number) => {
    const into = { kind: "page", name: PEOPLE[n % 3] ?? "" };
    const entities = [{ kind: "page", name: PEOPLE[3 + (n % 3)] ?? "" }];
    const request = { module: MODULES[n % 2] as string, entities, into, idempotencyKey: `merge-${n}` };
    // The graph may be away, or not that far yet: then it is the next one's turn.
    await client.graph.mergeEntities(request, { timeoutMs: 5_000 }).catch(() => undefined);
  };
  const running = (async () => {
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      await record(n);
      if (n % 40 === 39) await act(n);
      await delay(1);
    }
  })();
  const stop = async () => {
    stopping.abort();
    await running;
    return { recorded, last };
  };
  writing.push(stop);
  return { stop, ids };
}

/** The graph has seen all that was recorded, and equals a replay of it. */
async function expectEqual(mesh: GraphMesh, last: ReadonlyMap<string, bigint>): Promise<void> {
  const { graph } = mesh.client();
  const place = async (module: string) =>
    (await graph.getProjection({}).catch(() => undefined))?.modules.find(({ cursor }) => cursor?.module === module);
  for (const [module, position] of last) {
    await eventually(async () => ((await place(module))?.cursor?.position ?? 0n) >= position, 60_000);
  }
  let verdicts: readonly Verdict[] = [];
  await eventually(
    async () => {
      // A comparison that a killed process left is still there for a while.
      const frames = await Array.fromAsync(graph.verifyProjection({})).catch(() => []);
      verdicts = frames.at(-1)?.verdicts ?? [];
      return verdicts.length > 0;
    },
    60_000,
    () => mesh.graph.output(),
  );
  expect(verdicts.flatMap(({ differences }) => differences)).toEqual([]);
  expect(verdicts.map(({ cursor, equal }) => [cursor?.module, equal])).toEqual(MODULES.map((module) => [module, true]));
  for (const module of MODULES) expect((await place(module))?.parkedCount).toBe(0n);
}

type Fault = (mesh: GraphMesh) => Promise<unknown>;

const FAULTS: Readonly<Record<string, Fault>> = {
  "the graph is killed": async (mesh) => {
    await mesh.kill9();
    await mesh.restart();
  },
  "the conductor is killed": async ({ mesh }) => {
    await mesh.kill9();
    await mesh.restart();
  },
  "both are killed": async (mesh) => {
    await Promise.all([mesh.kill9(), mesh.mesh.kill9()]);
    await Promise.all([mesh.restart(), mesh.mesh.restart()]);
  },
  "PostgreSQL is killed": async ({ mesh }) => {
    await mesh.postgres.kill();
    await delay(300);
    await mesh.postgres.restart();
  },
  "PostgreSQL is frozen": async ({ mesh }) => {
    mesh.postgres.freeze();
    await delay(2_500);
    mesh.postgres.thaw();
  },
};

const REDIS_FAULTS: Readonly<Record<string, Fault>> = {
  "Redis is flushed": async ({ mesh }) => {
    const redis = new Redis(mesh.redis.url);
    await redis.flushall();
    redis.disconnect();
  },
  "Redis is killed": async ({ mesh }) => {
    await mesh.redis.kill();
    await delay(500);
    await mesh.redis.restart();
  },
};

needs("redis")("whatever is killed while memories are recorded, the graph equals a replay of the log", async () => {
  const mesh = await open();
  const writers = write(mesh);
  for (const fault of Object.values({ ...FAULTS, ...REDIS_FAULTS })) {
    await delay(1_000);
    await fault(mesh);
  }
  await delay(1_000);
  const { recorded, last } = await writers.stop();
  expect(recorded).toBeGreaterThan(500);
  await expectEqual(mesh, last);
});

test("without Redis too, with two graphs of which one or the other is killed, in the middle of a rebuild as well", async () => {
  const mesh = await open({ COS_REDIS_URL: "redis://127.0.0.1:1" });
  const owner = await mesh.owner();
  let replica: MeshProcess = await mesh.replica();
  const writers = write(mesh);
  const { ids } = writers;
  for (let round = 0; round < 3; round += 1) {
    await delay(1_000);
    // It goes on in the process that is killed next, or in the other one.
    const building = Array.fromAsync(owner.graph.rebuildProjection({})).catch(() => undefined);
    await delay(100);
    await mesh.kill9();
    await building;
    await mesh.restart();
    replica.kill("SIGKILL");
    await replica.ended;
    replica = await mesh.replica();
    const forgotten = ids.slice(round * 10, round * 10 + 3).filter(({ module }) => module === "cc");
    const selector = { case: "ids", value: { ids: forgotten.map(({ id }) => id) } } as const;
    await Array.fromAsync(owner.conductor.forgetMemories({ module: "cc", selector, reason: "a test" }));
  }
  const { last } = await writers.stop();
  const { graph } = mesh.client();
  // What was begun is finished by whoever finds it.
  await eventually(async () => (await graph.getProjection({})).building === undefined, 90_000);
  await expectEqual(mesh, last);
});
