// Members of consumers at work, over the wire, against a running conductor: and what becomes of their work when they, or it, go away.
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { Settle_Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { type Mesh, type MeshClient, openMesh } from "#tests/support/mesh.ts";
import { joinAs } from "#tests/support/mesh-member.ts";
import { eventually } from "#tests/support/mesh-wait.ts";

jest.setTimeout(60_000);

let mesh: Mesh;
let client: MeshClient;
beforeAll(async () => {
  mesh = await openMesh();
  client = mesh.client();
});
afterAll(() => mesh?.stop());

let names = 0;
/** A module and a consumer of it, of one name. */
async function openConsumer(consumer: object = {}, start: object = {}): Promise<string> {
  names += 1;
  const name = `c${names}`;
  await client.modules.registerModule({ module: { name } });
  await client.highway.createConsumer({
    consumer: { name, modules: [name], key: Consumer_Key.SESSION, ...consumer },
    ...start,
  });
  return name;
}

async function record(module: string, sessions: readonly string[]): Promise<void> {
  for (const sessionId of sessions)
    await client.conductor.recordMemory({
      memory: { module, eventType: "note", source: "test", sessionId, text: sessionId },
    });
}

async function statusOf(name: string) {
  return (await client.highway.getConsumer({ name })).status!;
}

/** Waits until everything that was recorded is settled. */
const isDone = (name: string, limitMs = 15_000): Promise<void> =>
  eventually(async () => {
    const { places, inFlight } = await statusOf(name);
    return inFlight === 0n && places.every(({ settled, head }) => settled!.position === head);
  }, limitMs);

const positionsOf = (given: readonly { position: number }[]): number[] => given.map(({ position }) => position);

describe("a member", () => {
  test("is in, gets what it asks for and no more, and what it settles is settled", async () => {
    const name = await openConsumer();
    const ada = await joinAs(client, name, "ada", name);
    expect(ada).toMatchObject({ name: "ada", leaseMs: 30_000 });
    expect(ada.frames).toEqual(["started", "joined"]);
    await record(name, ["a", "b", "c"]);
    ada.credit(2);
    await ada.has(2);
    ada.settle([1, 2]);
    await eventually(async () => (await statusOf(name)).places[0]?.settled?.position === 2n);
    expect(ada.given).toHaveLength(2);
    ada.credit(5);
    await ada.has(3);
    expect(ada.given[2]).toMatchObject({ position: 3, attempt: 1, text: "c", generation: ada.generation });
    expect(await statusOf(name)).toMatchObject({ inFlight: 1n, members: [{ name: "ada", inFlight: 1n }] });
    ada.settle([3]);
    await isDone(name);
    ada.cut();
  });

  test("that gives its credit first gets what is recorded afterwards", async () => {
    const name = await openConsumer();
    const ada = await joinAs(client, name, "", name);
    ada.credit(10);
    await record(name, ["a", "a"]);
    await ada.has(2);
    expect(positionsOf(ada.given)).toEqual([1, 2]);
    ada.cut();
  });

  test("what fails comes again, later, with its attempt; what is parked does not; what is refused is said", async () => {
    const name = await openConsumer({ backoffInitial: { nanos: 20_000_000 } });
    const ada = await joinAs(client, name, "", name);
    ada.credit(10);
    await record(name, ["a", "b"]);
    await ada.has(2);
    ada.settle([1], Settle_Outcome.RETRY, { error: "no ink" });
    ada.settle([2], Settle_Outcome.PARK, { error: "unreadable" });
    ada.settle([2]);
    await ada.has(3);
    expect(ada.given[2]).toMatchObject({ position: 1, attempt: 2 });
    expect(ada.refused).toEqual([2]);
    const { deadLetters, total } = await client.highway.listDeadLetters({ consumer: name });
    expect(total).toBe(1n);
    expect(deadLetters).toMatchObject([{ error: "unreadable", attempts: 1 }]);
    ada.cut();
  });

  test("that leaves in peace gets nothing more, settles what it holds, and its stream ends without an error", async () => {
    const name = await openConsumer();
    const ada = await joinAs(client, name, "", name);
    ada.credit(10);
    await record(name, ["a"]);
    await ada.has(1);
    ada.leave();
    await record(name, ["b"]);
    ada.settle([1]);
    ada.finish();
    expect(await ada.isOver()).toBe("in peace");
    expect(ada.given).toHaveLength(1);
    expect(await statusOf(name)).toMatchObject({ members: [], inFlight: 0n, lag: 1n });
  });

  test("that fails always does not hold up others' keys", async () => {
    const name = await openConsumer({ maxAttempts: 1000, backoffInitial: { nanos: 10_000_000 } });
    const ada = await joinAs(client, name, "", name);
    ada.credit(10_000);
    await record(name, ["bad", "good", "bad", "good", "bad", "good"]);
    const seen = new Set<number>();
    await eventually(() => {
      for (const { position } of ada.given.filter(({ position: p }) => !seen.has(p) || p === 1)) {
        seen.add(position);
        ada.settle([position], position === 1 ? Settle_Outcome.RETRY : Settle_Outcome.ACK);
      }
      return [2, 4, 6].every((position) => seen.has(position));
    });
    const { places } = await statusOf(name);
    expect(places[0]?.settled?.position).toBe(0n);
    ada.cut();
  });
});

describe("members", () => {
  test("share the work by key, and one key's order holds", async () => {
    const name = await openConsumer({}, { start: { case: "fromBeginning", value: true } });
    const sessions = Array.from({ length: 40 }, (_, n) => `s${n % 5}`);
    await record(name, sessions);
    const members = [await joinAs(client, name, "ada", name), await joinAs(client, name, "bob", name)];
    const done: number[] = [];
    const settledBy = new Map<string, Set<string>>();
    for (const member of members) member.credit(3);
    await eventually(() => {
      for (const member of members) {
        for (const { position, text } of member.given.filter(({ position: p }) => !done.includes(p))) {
          done.push(position);
          settledBy.getOrInsertComputed(member.name, () => new Set()).add(text);
          member.settle([position]);
          member.credit(1);
        }
      }
      return done.length === sessions.length;
    });
    for (const member of members) {
      for (const session of new Set(sessions)) {
        const positions = positionsOf(member.given.filter(({ text }) => text === session));
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
      }
    }
    expect([...settledBy.values()].every((keys) => keys.size > 0)).toBe(true);
    await isDone(name);
    for (const member of members) member.cut();
  });

  test("one that is cut off loses its work to another at once", async () => {
    const name = await openConsumer();
    const [ada, bob] = [await joinAs(client, name, "ada", name), await joinAs(client, name, "bob", name)];
    ada.credit(5);
    await record(name, ["a", "a"]);
    await ada.has(2);
    bob.credit(5);
    ada.cut();
    await bob.has(2);
    expect(bob.given).toMatchObject([
      { position: 1, attempt: 2 },
      { position: 2, attempt: 2 },
    ]);
    bob.cut();
  });

  test("one that is silent for its lease loses its work, and what it says of it then is refused", async () => {
    const name = await openConsumer({ lease: { seconds: 1n } });
    const [ada, bob] = [await joinAs(client, name, "ada", name), await joinAs(client, name, "bob", name)];
    ada.credit(1);
    await record(name, ["a"]);
    await ada.has(1);
    // Bob's signs of life, while Ada is frozen.
    const life = setInterval(() => bob.credit(1), 200);
    await bob.has(1);
    ada.settle([1]);
    const end = await ada.isOver();
    expect(reasonOf(end as Error)).toBe("MEMBERSHIP_LOST");
    bob.settle([1]);
    await isDone(name);
    clearInterval(life);
    bob.cut();
  });

  test("a second one of the same name takes the first's place", async () => {
    const name = await openConsumer();
    const first = await joinAs(client, name, "ada", name);
    first.credit(1);
    await record(name, ["a"]);
    await first.has(1);
    const second = await joinAs(client, name, "ada", name);
    second.credit(1);
    await second.has(1);
    expect(reasonOf((await first.isOver()) as Error)).toBe("MEMBERSHIP_LOST");
    expect(second.given).toMatchObject([{ position: 1, attempt: 1 }]);
    expect((await statusOf(name)).members).toHaveLength(1);
    second.cut();
  });

  test("at two conductors share one consumer, and take over from each other", async () => {
    const other = await mesh.replica();
    const away = mesh.client(other.address);
    const name = await openConsumer({ lease: { seconds: 1n } });
    const [ada, bob] = [await joinAs(client, name, "ada", name), await joinAs(away, name, "bob", name)];
    ada.credit(1);
    await record(name, ["a", "b", "a"]);
    await ada.has(1);
    bob.credit(5);
    await bob.has(1);
    expect(positionsOf(bob.given)).not.toContain(1);
    // Signs of life of Ada alone: Bob's conductor dies.
    const life = setInterval(() => ada.credit(1), 200);
    other.kill("SIGKILL");
    await eventually(() => {
      ada.settle([...new Set(positionsOf(ada.given))]);
      return new Set(positionsOf(ada.given)).size === 3;
    });
    await isDone(name);
    clearInterval(life);
    ada.cut();
  });
});

describe("without bidirectional streams", () => {
  test("a member gets as much as it may hold, settles by calls at any conductor, and is given more", async () => {
    const name = await openConsumer();
    const other = mesh.client((await mesh.replica()).address);
    const cutting = new AbortController();
    const given: number[] = [];
    let generation = 0n;
    const request = { join: { consumer: name, member: "page" }, maxInFlight: 2 };
    const run = async () => {
      for await (const { frame } of client.highway.consumeServer(request, { signal: cutting.signal })) {
        if (frame.case === "joined") generation = frame.value.generation;
        if (frame.case !== "deliveries") continue;
        given.push(...frame.value.deliveries.map(({ event }) => Number(event!.body.value!.position)));
      }
    };
    const running = run().catch(() => undefined);
    await record(name, ["a", "b", "c", "d", "e"]);
    await eventually(() => given.length === 2);
    const settle = (positions: bigint[]) => ({ module: name, positions, outcome: Settle_Outcome.ACK });
    const ask = { consumer: name, generation };
    expect(await client.highway.ack({ ...ask, settlements: [settle([1n, 9n])] })).toMatchObject({
      refused: [{ module: name, positions: [9n] }],
    });
    await eventually(() => given.length === 3);
    await other.highway.ack({ ...ask, settlements: [settle([2n, 3n])] });
    await eventually(() => given.length === 5);
    await client.highway.ack({ ...ask, settlements: [settle([4n, 5n])] });
    await isDone(name);
    await expect(client.highway.ack({ ...ask, generation: 999_999n })).rejects.toThrow(/one no longer/);
    cutting.abort();
    await running;
  });
});

describe("when things change under its members", () => {
  test("a consumer that was moved back hands everything out again; what was held before is refused", async () => {
    const name = await openConsumer();
    const ada = await joinAs(client, name, "", name);
    ada.credit(100);
    await record(name, ["a", "b"]);
    await ada.has(2);
    const { cursors } = await client.highway.seekConsumer({ name, to: { case: "beginning", value: true } });
    expect(cursors).toMatchObject([{ module: name, position: 0n }]);
    await ada.has(4);
    ada.settle([1, 2]);
    await isDone(name);
    ada.cut();
  });

  test("a consumer is paused, changed and goes on, wherever its members are", async () => {
    const name = await openConsumer();
    const away = mesh.client((await mesh.replica()).address);
    const ada = await joinAs(away, name, "", name);
    ada.credit(10);
    const change = (consumer: object, paths: string[]) =>
      client.highway.updateConsumer({ consumer: { name, ...consumer }, updateMask: { paths } });
    await change({ paused: true }, ["paused"]);
    await record(name, ["a", "b"]);
    await change({ filter: { sessionIds: ["b"] } }, ["filter", "paused"]);
    await ada.has(1);
    expect(positionsOf(ada.given)).toEqual([2]);
    ada.settle([2]);
    await isDone(name);
    ada.cut();
  });

  test("a consumer that is deleted ends its members' streams", async () => {
    const name = await openConsumer();
    const away = mesh.client((await mesh.replica()).address);
    const members = [await joinAs(client, name, "ada", name), await joinAs(away, name, "bob", name)];
    await client.highway.deleteConsumer({ name });
    for (const member of members) expect(reasonOf((await member.isOver()) as Error)).toBe("CONSUMER_NOT_FOUND");
    await expect(client.highway.getConsumer({ name })).rejects.toThrow(/no consumer/);
  });

  test("a module that is registered later is read from its beginning by a consumer of all", async () => {
    const name = "all-of-them";
    await client.highway.createConsumer({ consumer: { name, allModules: true, key: Consumer_Key.NONE } });
    const ada = await joinAs(client, name);
    ada.credit(1000);
    await client.modules.registerModule({ module: { name: "later" } });
    await record("later", ["a", "b"]);
    await eventually(() => ada.given.filter(({ module }) => module === "later").length === 2);
    ada.cut();
    await client.highway.deleteConsumer({ name });
  });

  test("dead letters are replayed and thrown away, each once, however many do both at once", async () => {
    const name = await openConsumer({ maxAttempts: 1 });
    const ada = await joinAs(client, name, "", name);
    ada.credit(10_000);
    await record(
      name,
      Array.from({ length: 20 }, (_, n) => `s${n}`),
    );
    await ada.has(20);
    ada.settle(positionsOf(ada.given), Settle_Outcome.PARK);
    await eventually(async () => (await statusOf(name)).deadLetters === 20n);
    const all = { which: { case: "all", value: true } } as const;
    await expect(client.highway.purgeDeadLetters({ consumer: name, selector: all, count: 19n })).rejects.toMatchObject({
      code: Code.FailedPrecondition,
    });
    const two = { places: [1, 2].map((n) => ({ module: name, position: BigInt(n) })) };
    expect(
      await client.highway.purgeDeadLetters({
        consumer: name,
        selector: { which: { case: "places", value: two } },
        count: 2n,
      }),
    ).toMatchObject({ purged: 2n });
    const [purged, replayed] = await Promise.allSettled([
      client.highway.purgeDeadLetters({ consumer: name, selector: all, count: 18n }),
      client.highway.replayDeadLetters({ consumer: name, selector: { which: { case: "module", value: name } } }),
    ]);
    const gone = purged.status === "fulfilled" ? Number(purged.value.purged) : 0;
    const back = replayed.status === "fulfilled" ? Number(replayed.value.replayed) : 0;
    expect([Math.min(gone, back), Math.max(gone, back)]).toEqual([0, 18]);
    await ada.has(20 + back);
    ada.settle(positionsOf(ada.given.slice(20)).concat(999));
    await isDone(name);
    ada.cut();
  });
});

describe("what is asked wrongly is refused, and says what is at fault", () => {
  test("a first message that does not join; a second that does", async () => {
    const name = await openConsumer();
    const refusalOfStream = async (messages: object[]) => {
      async function* said() {
        for (const message of messages) yield { message } as never;
      }
      try {
        for await (const _ of client.highway.consume(said()));
        return "OK";
      } catch (error) {
        return String(error);
      }
    };
    expect(await refusalOfStream([{ case: "credit", value: { events: 1 } }])).toMatch(/invalid_argument.*join/);
    const join = { case: "join", value: { consumer: name } };
    expect(await refusalOfStream([join, join])).toMatch(/invalid_argument.*join/);
    expect(await refusalOfStream([{ case: "join", value: { consumer: "nobody" } }])).toMatch(/not_found/);
    expect(await refusalOfStream([])).toBe("OK");
  });

  test("a name that is taken by another consumer is refused; the same consumer again is answered", async () => {
    const name = await openConsumer({ filter: { tags: ["x"] } });
    const again = { name, modules: [name], key: Consumer_Key.SESSION, filter: { tags: ["x"] } };
    expect(await client.highway.createConsumer({ consumer: again })).toMatchObject({ existed: true });
    for (const other of [
      { ...again, filter: { tags: ["y"] } },
      { ...again, maxAttempts: 9 },
    ])
      await expect(client.highway.createConsumer({ consumer: other })).rejects.toMatchObject({
        code: Code.AlreadyExists,
      });
  });

  test.each([
    ["a cursor above the head", { consumer: { name: "x" }, cursors: [{ position: 10_000_000n }] }, "CURSOR_ABOVE_HEAD"],
    ["a module that is not there", { consumer: { name: "x", modules: ["nobody"] } }, "MODULE_NOT_FOUND"],
    ["modules, and all of them", { consumer: { name: "x", modules: ["cc"], allModules: true } }, "INVALID_FIELD"],
    ["no name", { consumer: {} }, "INVALID_FIELD"],
    ["a name of capitals", { consumer: { name: "X" } }, "INVALID_FIELD"],
    ["a lease of no time", { consumer: { name: "x", lease: { seconds: 0n } } }, "INVALID_FIELD"],
  ])("%s: not created", async (_, request, reason) => {
    const refused = await client.highway
      .createConsumer(request as never)
      .catch((error: unknown) => reasonOf(error as Error));
    expect(refused).toBe(reason);
    await expect(client.highway.getConsumer({ name: "x" })).rejects.toMatchObject({ code: Code.NotFound });
  });

  test("a change of what never changes, of nothing, or of another revision", async () => {
    const name = await openConsumer();
    const change = (paths: string[], revision = 0n) =>
      client.highway
        .updateConsumer({ consumer: { name }, updateMask: { paths }, revision })
        .catch((error: unknown) => reasonOf(error as Error));
    expect(await change(["modules"])).toBe("INVALID_FIELD");
    expect(await change([])).toBe("INVALID_FIELD");
    expect(await change(["paused"], 7n)).toBe("REVISION_STALE");
    expect(await change(["description"], 1n)).toMatchObject({ consumer: { revision: 2n } });
    await expect(client.highway.seekConsumer({ name })).rejects.toThrow(/say where to/);
  });
});

test("the process drains: members are told, and what they held is no loss", async () => {
  const name = await openConsumer();
  const ada = await joinAs(client, name, "", name);
  ada.credit(1);
  await record(name, ["a"]);
  await ada.has(1);
  await mesh.restart();
  const end = await ada.isOver();
  expect(ada.frames.at(-1)).toBe("goAway");
  expect(end).toMatchObject({ code: Code.Unavailable });
  const again = await joinAs(mesh.client(), name, "", name);
  again.credit(1);
  await again.has(1);
  expect(again.given).toMatchObject([{ position: 1, attempt: 1 }]);
  again.cut();
});

test("the process is killed: whoever joins again is given what was not settled, once the leases have run out", async () => {
  const name = await openConsumer({ lease: { seconds: 1n } });
  const ada = await joinAs(mesh.client(), name, "ada", name);
  ada.credit(5);
  await record(name, ["a", "b"]);
  await ada.has(2);
  ada.settle([1]);
  await eventually(async () => (await statusOf(name)).inFlight === 1n);
  await mesh.kill9();
  await ada.isOver();
  await mesh.restart();
  const bob = await joinAs(mesh.client(), name, "bob", name);
  const life = setInterval(() => bob.credit(1), 200);
  await bob.has(1);
  expect(bob.given).toMatchObject([{ position: 2, attempt: 2 }]);
  clearInterval(life);
  bob.cut();
});
