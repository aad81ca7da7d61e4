import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Client as Postgres } from "pg";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { type Mesh, type MeshClient, openMesh } from "#tests/support/mesh.ts";
import { listen, upTo } from "#tests/support/mesh-listener.ts";
import { eventually } from "#tests/support/mesh-wait.ts";

jest.setTimeout(30_000);

const NOTE = { eventType: "note", source: "node", text: "Up betimes" };

type Conductor = MeshClient["conductor"];

let mesh: Mesh;
let client: MeshClient;
beforeAll(async () => {
  mesh = await openMesh();
  client = mesh.client();
});
afterAll(() => mesh.stop());

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );

/** A module of a test's own. */
async function register(name: string): Promise<void> {
  await client.modules.registerModule({ module: { name } });
}

describe("a client in Node", () => {
  test("records, reads by id and by place, and lists", async () => {
    await register("reads");
    const { memory, cursor } = await client.conductor.recordMemory({ memory: { ...NOTE, module: "reads" } });
    expect(cursor).toMatchObject({ module: "reads", position: 1n });
    const byId = await client.conductor.getMemory({ id: memory?.id ?? "" });
    const byPlace = await client.conductor.getMemory({ module: "reads", position: 1n });
    const { memories } = await client.conductor.listMemories({ module: "reads" });
    expect([byId.memory, byPlace.memory, ...memories]).toEqual([memory, memory, memory]);
  });

  test("hears all modules in one stream, one that is registered meanwhile included", async () => {
    const listener = listen(client, { allModules: true });
    await eventually(() => listener.states.some(({ kind }) => kind === "connected"));
    await register("joins_later");
    for (const module of ["cc", "joins_later"]) await client.conductor.recordMemory({ memory: { ...NOTE, module } });
    await listener.reaches(1, "joins_later");
    await listener.reaches(1, "cc");
    expect(listener.positions("joins_later")).toEqual([1]);
    await listener.close();
  });

  test("records any number in one stream, and gets an answer to each in order", async () => {
    await register("bulk");
    const items = Array.from({ length: 2500 }, (_, n) => ({
      memory: { ...NOTE, module: "bulk", text: n === 1200 ? "" : `${n}` },
    }));
    async function* requests() {
      for (let n = 0; n < items.length; n += 500) yield { requests: items.slice(n, n + 500) };
    }
    const results = [];
    for await (const answer of client.conductor.recordMemories(requests())) {
      expect(Number(answer.firstIndex)).toBe(results.length);
      results.push(...answer.results);
    }
    expect(results).toHaveLength(2500);
    const faults = results.flatMap(({ outcome }, n) => (outcome.case === "fault" ? [[n, outcome.value.field]] : []));
    expect(faults).toEqual([[1200, "memory.text"]]);
    const listener = listen(client, { modules: ["bulk"], start: { case: "fromBeginning", value: true } });
    await listener.reaches(2499, "bulk");
    expect(listener.positions("bulk")).toEqual(upTo(2499));
    await listener.close();
  });

  test("gets an event of a megabyte as it was recorded, although the highway carries a reference", async () => {
    await register("large");
    const text = "ü".repeat(500_000);
    const leaving = new AbortController();
    for await (const { frame } of client.conductor.subscribe({ modules: ["large"] }, { signal: leaving.signal })) {
      if (frame.case === "caughtUp")
        await client.conductor.recordMemory({ memory: { ...NOTE, module: "large", text } });
      if (frame.case !== "batch") continue;
      leaving.abort();
      // Not `toBe(text)`: nobody wants to read the difference of two megabytes.
      expect(frame.value.events.map(({ body }) => body.value?.text === text)).toEqual([true]);
      break;
    }
  });
});

describe("whoever leaves", () => {
  async function connected(): Promise<Postgres> {
    const postgres = new Postgres({ connectionString: mesh.postgresUrl });
    await postgres.connect();
    return postgres;
  }

  /** Statements of the conductor that wait for the lock. */
  async function waitingStatements(observer: Postgres): Promise<number> {
    const { rows } = await observer.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity where datname = current_database()
         and application_name like 'cos conductor%' and wait_event_type = 'Lock'`,
    );
    return rows[0]?.n ?? 0;
  }

  test("cancellation reaches the query: PostgreSQL works no longer for somebody who is gone", async () => {
    const [locker, observer] = [await connected(), await connected()];
    try {
      await locker.query("begin; lock table mem0_cc.memory in access exclusive mode");
      const leaving = new AbortController();
      const listing = codeOf(client.conductor.listMemories({}, { signal: leaving.signal }));
      await eventually(async () => (await waitingStatements(observer)) > 0);
      leaving.abort();
      await expect(listing).resolves.toBe(Code.Canceled);
      await eventually(async () => (await waitingStatements(observer)) === 0, 1_000);
    } finally {
      await Promise.all([locker.end(), observer.end()]);
    }
  });

  test("a deadline is kept although the engine is busy", async () => {
    const locker = await connected();
    try {
      await locker.query("begin; lock table mem0_cc.memory in access exclusive mode");
      const startMs = performance.now();
      await expect(codeOf(client.conductor.listMemories({}, { timeoutMs: 200 }))).resolves.toBe(Code.DeadlineExceeded);
      expect(performance.now() - startMs).toBeLessThan(1_500);
    } finally {
      await locker.end();
    }
  });
});

describe("SIGTERM", () => {
  test("streams of every stack get a GoAway and its status, the exit code is 0, and resuming misses nothing", async () => {
    await register("drains");
    const record = (n: number) =>
      client.conductor.recordMemory({ memory: { ...NOTE, module: "drains", text: `${n}` } });
    const listener = listen(client, { modules: ["drains"], start: { case: "fromBeginning", value: true } });
    for (const n of upTo(3)) await record(n);
    await listener.reaches(3, "drains");
    const ends = Promise.all(overEveryStack().map(framesUntilEnd));
    await delay(200);
    const { code, stdout } = await mesh.conductor.stop();
    expect(code).toBe(0);
    // In good order is nothing to warn of.
    expect(stdout).not.toMatch(/"level":"(?:warn|error)".*DRAINING/);
    for (const { last, reason } of await ends) {
      expect(last).toMatchObject({ case: "goAway", value: { reason: GoAway_Reason.DRAINING } });
      expect(reason).toBe("DRAINING");
    }
    await mesh.restart();
    await eventually(async () => (await codeOf(record(4))) === undefined);
    await listener.reaches(4, "drains");
    expect(listener.positions("drains")).toEqual(upTo(4));
    await listener.close();
  });

  function overEveryStack(): Conductor[] {
    const { url: baseUrl } = mesh;
    const transports = [
      createConnectTransport({ baseUrl, httpVersion: "1.1" }),
      createConnectTransport({ baseUrl, httpVersion: "2" }),
      createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
    ];
    return [client.conductor, ...transports.map((transport) => createClient(ConductorService, transport))];
  }

  /** The last frame of a stream, and the reason of the status that it ends with. */
  async function framesUntilEnd(conductor: Conductor) {
    let last: unknown;
    try {
      for await (const { frame } of conductor.subscribe({ modules: ["drains"] })) last = frame;
    } catch (error) {
      return { last, reason: reasonOf(error) };
    }
    return { last, reason: undefined };
  }
});
