// Members of consumers at work, over the wire, against a running conductor: and what becomes of their work when they, or it, go away.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Code } from "@connectrpc/connect";
import { describe, expect, jest, test } from "@jest/globals";
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { Settle_Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { joinAs } from "#tests/support/mesh-member.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { positionsOf, useConsumers } from "#tests/support/use-consumers.ts";

jest.setTimeout(60_000);

const { mesh, client, openConsumer, record, statusOf, isDone } = useConsumers();

describe("a member", () => {
  test("is in, gets what it asks for and no more, and what it settles is settled", async () => {
    const name = await openConsumer();
    const ada = await joinAs(client(), name, "ada", name);
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
    const ada = await joinAs(client(), name, "", name);
    ada.credit(10);
    await record(name, ["a", "a"]);
    await ada.has(2);
    expect(positionsOf(ada.given)).toEqual([1, 2]);
    ada.cut();
  });

  test("what fails comes again, later, with its attempt; what is parked does not; what is refused is said", async () => {
    const name = await openConsumer({ backoffInitial: { nanos: 20_000_000 } });
    const ada = await joinAs(client(), name, "", name);
    ada.credit(10);
    await record(name, ["a", "b"]);
    await ada.has(2);
    ada.settle([1], Settle_Outcome.RETRY, { error: "no ink" });
    ada.settle([2], Settle_Outcome.PARK, { error: "unreadable" });
    ada.settle([2]);
    await ada.has(3);
    expect(ada.given[2]).toMatchObject({ position: 1, attempt: 2 });
    expect(ada.refused).toEqual([2]);
    const { deadLetters, total } = await client().highway.listDeadLetters({ consumer: name });
    expect(total).toBe(1n);
    expect(deadLetters).toMatchObject([{ error: "unreadable", attempts: 1 }]);
    ada.cut();
  });

  test("that leaves in peace gets nothing more, settles what it holds, and its stream ends without an error", async () => {
    const name = await openConsumer();
    const ada = await joinAs(client(), name, "", name);
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
    const ada = await joinAs(client(), name, "", name);
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
    const members = [await joinAs(client(), name, "ada", name), await joinAs(client(), name, "bob", name)];
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
    const [ada, bob] = [await joinAs(client(), name, "ada", name), await joinAs(client(), name, "bob", name)];
    ada.credit(5);
    await record(name, ["a", "a"]);
    await ada.has(2);
    bob.credit(5);
    ada.cut();
    await bob.has(2);
    expect(bob.given).toMatchObject([
      { position: 1, attempt: 2 },
      { position: 2, attempt: 1 },
    ]);
    bob.cut();
  });

  test("one that is silent for its lease loses its work, and what it says of it then is refused", async () => {
    const name = await openConsumer({ lease: { seconds: 1n } });
    const [ada, bob] = [await joinAs(client(), name, "ada", name), await joinAs(client(), name, "bob", name)];
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
    const first = await joinAs(client(), name, "ada", name);
    first.credit(1);
    await record(name, ["a"]);
    await first.has(1);
    const second = await joinAs(client(), name, "ada", name);
    second.credit(1);
    await second.has(1);
    expect(reasonOf((await first.isOver()) as Error)).toBe("MEMBER_REPLACED");
    expect(second.given).toMatchObject([{ position: 1, attempt: 1 }]);
    expect((await statusOf(name)).members).toHaveLength(1);
    second.cut();
  });

  test("at two conductors share one consumer, and take over from each other", async () => {
    const other = await mesh().replica();
    const away = mesh().client(other.address);
    const name = await openConsumer({ lease: { seconds: 1n } });
    const [ada, bob] = [await joinAs(client(), name, "ada", name), await joinAs(away, name, "bob", name)];
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

test("a process that is killed with work in hand has lost it, which counts", async () => {
  const name = await openConsumer();
  const holder = spawn(process.execPath, ["tests/support/hold-work.ts", mesh().address, name], { stdio: "pipe" });
  await once(holder.stdout, "data");
  await record(name, ["a"]);
  await once(holder.stdout, "data");
  const ada = await joinAs(client(), name, "ada", name);
  ada.credit(1);
  holder.kill("SIGKILL");
  await ada.has(1);
  expect(ada.given).toMatchObject([{ position: 1, attempt: 2 }]);
  ada.cut();
});

test("no more is in flight than may be, however settlements come: at another conductor, one at a time", async () => {
  const name = await openConsumer({ maxInFlight: 1, key: Consumer_Key.NONE });
  const other = mesh().client((await mesh().replica()).address);
  const ada = await joinAs(client(), name, "ada", name);
  const bob = await joinAs(other, name, "bob", name);
  ada.credit(100);
  bob.credit(100);
  await record(name, ["a", "b", "c", "d", "e", "f"]);
  const settled = new Set<string>();
  await eventually(() => {
    for (const member of [ada, bob]) {
      for (const { position } of member.given) {
        if (settled.has(`${member.name} ${position}`)) continue;
        settled.add(`${member.name} ${position}`);
        member.settle([position]);
      }
    }
    return settled.size === 6;
  }, 20_000);
  await isDone(name);
  for (const member of [ada, bob]) member.cut();
});

describe("without bidirectional streams", () => {
  test("a member gets as much as it may hold, settles by calls at any conductor, and is given more", async () => {
    const name = await openConsumer();
    const other = mesh().client((await mesh().replica()).address);
    const cutting = new AbortController();
    const given: number[] = [];
    let generation = 0n;
    const request = { join: { consumer: name, member: "page" }, maxInFlight: 2 };
    const run = async () => {
      for await (const { frame } of client().highway.consumeServer(request, { signal: cutting.signal })) {
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
    expect(await client().highway.ack({ ...ask, settlements: [settle([1n, 9n])] })).toMatchObject({
      refused: [{ module: name, positions: [9n] }],
    });
    await eventually(() => given.length === 3);
    await other.highway.ack({ ...ask, settlements: [settle([2n, 3n])] });
    await eventually(() => given.length === 5);
    await client().highway.ack({ ...ask, settlements: [settle([4n, 5n])] });
    await isDone(name);
    await expect(client().highway.ack({ ...ask, generation: 999_999n })).rejects.toThrow(/one no longer/);
    cutting.abort();
    await running;
  });
});

test("the process drains: members are told, and what they held is no loss", async () => {
  const name = await openConsumer();
  const ada = await joinAs(client(), name, "", name);
  ada.credit(1);
  await record(name, ["a"]);
  await ada.has(1);
  await mesh().restart();
  const end = await ada.isOver();
  expect(ada.frames.at(-1)).toBe("goAway");
  expect(end).toMatchObject({ code: Code.Unavailable });
  const again = await joinAs(mesh().client(), name, "", name);
  again.credit(1);
  await again.has(1);
  expect(again.given).toMatchObject([{ position: 1, attempt: 1 }]);
  again.cut();
});

test("the process is killed: whoever joins again is given what was not settled, once the leases have run out", async () => {
  const name = await openConsumer({ lease: { seconds: 1n } });
  const ada = await joinAs(mesh().client(), name, "ada", name);
  ada.credit(5);
  await record(name, ["a", "b"]);
  await ada.has(2);
  ada.settle([1]);
  await eventually(async () => (await statusOf(name)).inFlight === 1n);
  await mesh().kill9();
  await ada.isOver();
  await mesh().restart();
  const bob = await joinAs(mesh().client(), name, "bob", name);
  const life = setInterval(() => bob.credit(1), 200);
  await bob.has(1);
  expect(bob.given).toMatchObject([{ position: 2, attempt: 2 }]);
  clearInterval(life);
  bob.cut();
});
