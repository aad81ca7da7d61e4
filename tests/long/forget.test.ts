import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { fromJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, jest } from "@jest/globals";
import { Redis } from "ioredis";
import { ForgottenSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openSecuredMesh, type SecuredMesh } from "#tests/support/secured-mesh.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(180_000);

const canary = `canary-${randomBytes(8).toString("hex")}`;
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1);
let secured: SecuredMesh;
let redis: Redis;

beforeAll(async () => {
  secured = await openSecuredMesh({ faults: true });
  redis = new Redis(secured.mesh.redis.url);
});
afterAll(async () => {
  redis?.disconnect();
  await secured?.stop();
});

/** A module with so many memories that say the canary. */
async function fill(module: string, count: number): Promise<void> {
  const { conductor, modules } = secured.owner;
  await modules.registerModule({ module: { name: module } });
  const memory = { module, eventType: "note", source: canary, text: canary, sessionId: canary, tags: [canary] };
  for (let at = 0; at < count; at += 1000) {
    const requests = upTo(Math.min(1000, count - at)).map(() => ({ memory }));
    await conductor.batchRecordMemories({ requests });
  }
}

async function isInRedis(): Promise<boolean> {
  const keys = await redis.keys("*");
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  const streams = keys.filter((key) => key.endsWith(":s"));
  const entries = await Promise.all(streams.map((key) => redis.xrange(key, "-", "+")));
  return JSON.stringify(entries).includes(canary) || dumps.some((dump) => dump?.includes(canary));
}

const isInLog = async (): Promise<boolean> =>
  (await secured.query("select from mem0_cc.memory m where m::text like $1 limit 1", [`%${canary}%`])).rows.length > 0;

/** Whether one who listens from the first memory on hears the canary, up to a position. */
async function isHeard(module: string, head: number): Promise<boolean> {
  const leaving = new AbortController();
  const start = { case: "fromBeginning", value: true } as const;
  let heard = false;
  for await (const { frame } of secured.owner.conductor.subscribe(
    { modules: [module], start },
    { signal: leaving.signal },
  )) {
    if (frame.case !== "batch") continue;
    heard ||= frame.value.events.some(({ body }) => body.value?.text === canary || body.value?.source === canary);
    if (Number(frame.value.cursor?.position) >= head) break;
  }
  leaving.abort();
  return heard;
}

async function headOf(module: string): Promise<number> {
  const { rows } = await secured.query("select position::int from mem0_cc.head where module = $1", [module]);
  return rows[0].position;
}

needs("redis")("a conductor killed between the commit and the clearing: whoever comes next clears Redis", async () => {
  const { mesh } = secured;
  await fill("left", 50);
  await eventually(isInRedis, 10_000, () => "nothing was published");
  await mesh.kill9();
  const event = { id: "01900000-0000-7000-8000-000000000000", event_type: "cos.memory.forgotten", source: "cos" };
  await secured.query("select mem0_cc.forget_batch('left', $1, $2)", [upTo(50), { ...event, request_id: "none" }]);
  expect([await isInLog(), await isInRedis()]).toEqual([false, true]);
  await mesh.restart();
  await eventually(
    async () => !(await isInRedis()),
    10_000,
    () => "Redis was not cleared",
  );
  expect(await isHeard("left", 51)).toBe(false);
});

needs("redis")(
  "killed again and again while it forgets: called again it goes on, and each memory is forgotten once",
  async () => {
    const { mesh, owner } = secured;
    const count = 20_000;
    await fill("large", count);
    const forget = async (): Promise<boolean> => {
      const selector = { case: "wholeModule", value: true } as const;
      let done = false;
      const request = { module: "large", selector, reason: "to see it break" };
      for await (const frame of owner.conductor.forgetMemories(request)) done = frame.done;
      return done;
    };
    let kills = 0;
    for (let done = false; !done; ) {
      const running = forget().catch(() => false);
      if (kills < 3) {
        await delay(150 + Math.random() * 300);
        await mesh.kill9();
        await mesh.restart();
        kills += 1;
      }
      done = await running;
    }
    expect(await isInLog()).toBe(false);
    await eventually(
      async () => !(await isInRedis()),
      10_000,
      () => "Redis was not cleared",
    );
    const told = await secured.query(
      "select payload from mem0_cc.memory where module = 'large' and event_type = 'cos.memory.forgotten' order by position",
    );
    const positions = told.rows.flatMap(({ payload }) => fromJson(ForgottenSchema, payload).positions.map(Number));
    expect(positions).toEqual(upTo(count));
    const audit = await secured.query("select details ->> 'position' as at from cos_auth.audit where target = 'large'");
    expect(audit.rows.length).toBe(told.rows.length);
    expect(await isHeard("large", await headOf("large"))).toBe(false);
  },
);
