// What consumers.sql promises, statement by statement, on PostgreSQL.
import { describe, expect, test } from "@jest/globals";
import { DeadLetter_Reason } from "#gen/cos/highway/v1/consumers_pb.ts";
import { useWork } from "./use-work.ts";

const { given, work, openWork, runOut, versionOf } = useWork();

describe("handing out", () => {
  test("C2: what was read is handed out once, and the place is where the reading ended", async () => {
    const { join, take, settled } = await openWork(["a", "b", "c"]);
    const ada = await join("ada");
    expect(await take(ada, 0)).toEqual({ outcome: "taken", given: [1, 2, 3], readThrough: 3, held: 3, unsettled: 3 });
    expect(await take(ada, 0)).toMatchObject({ outcome: "moved", given: [], readThrough: 3 });
    expect(await settled()).toBe(0);
  });

  test("C2: two that read the same stretch at once: one has it, the other hears where the place is", async () => {
    const { join, take } = await openWork(["a", "b", "c"]);
    const members = await Promise.all([join("ada"), join("bob")]);
    const taken = await Promise.all(members.map((member) => take(member, 0)));
    expect(taken.map(({ outcome }) => outcome).sort()).toEqual(["moved", "taken"]);
  });

  test("C4: events of a key that another member holds wait for it, and go to whoever asks once it has settled", async () => {
    const { join, take, claim, settle } = await openWork(["a", "a", "b", "a"]);
    const [ada, bob] = [await join("ada"), await join("bob")];
    expect((await take(ada, 0, 1)).given).toEqual([1]);
    expect(await take(bob, 1)).toMatchObject({ given: [3], held: 2, unsettled: 4 });
    expect(await claim(bob)).toEqual([]);
    expect(await settle(ada, [1])).toEqual([]);
    expect(await claim(bob)).toEqual(["2@1", "4@1"]);
  });

  test("C4: a member that holds a key gets what follows of it at once", async () => {
    const { join, take, claim } = await openWork(["a", "a", "a"]);
    const [ada, bob] = [await join("ada"), await join("bob")];
    await take(ada, 0, 1);
    await take(bob, 1, 2);
    expect(await claim(bob)).toEqual([]);
    expect(await claim(ada)).toEqual(["2@1"]);
    expect((await take(ada, 2)).given).toEqual([3]);
  });

  test("no more is held than the consumer allows; the rest waits", async () => {
    const { join, take, claim, settle } = await openWork(["", "", "", ""], { maxInFlight: 3 });
    const ada = await join("ada");
    expect(await take(ada, 0)).toMatchObject({ given: [1, 2, 3], held: 3, unsettled: 4 });
    expect(await claim(ada)).toEqual([]);
    await settle(ada, [2]);
    expect(await claim(ada)).toEqual(["4@1"]);
  });

  test("nothing more is read as long as too much waits", async () => {
    const sessions = Array.from({ length: 1003 }, () => "");
    const { join, take, name } = await openWork(sessions, { maxInFlight: 1 });
    const ada = await join("ada");
    await take(ada, 0, 1002);
    expect(await take(ada, 1002)).toMatchObject({ outcome: "full", readThrough: 1002, held: 1, unsettled: 1002 });
    expect(await work().heldBy([{ consumer: name, generation: ada }])).toEqual(new Map([[ada, 1]]));
  });

  test("a consumer that is paused hands nothing out", async () => {
    const { join, take, claim, settle, name } = await openWork(["a", "b"]);
    const ada = await join("ada");
    await take(ada, 0, 1);
    await settle(ada, [1], "release");
    await given().client.query("update mem0_cc.consumer set paused = true where name = $1", [name]);
    expect(await claim(ada)).toEqual([]);
    expect(await take(ada, 1)).toMatchObject({ outcome: "paused", given: [] });
  });

  test("what was read by the filter of another revision is not handed out", async () => {
    const { join, take, name } = await openWork(["a"]);
    const ada = await join("ada");
    await given().client.query("update mem0_cc.consumer set version = 0 where name = $1", [name]);
    expect(await take(ada, 0)).toMatchObject({ outcome: "changed", given: [] });
  });

  test("C4: a retried letter above the place stays as it is when the reading comes to it", async () => {
    const { join, take, claim, name, module } = await openWork(["a", "b", "a"]);
    await given().client.query(
      "insert into mem0_cc.delivery (consumer, module, position, failures) values ($1, $2, 2, 1)",
      [name, module],
    );
    const ada = await join("ada");
    expect(await claim(ada)).toEqual(["2@2"]);
    expect(await take(ada, 0)).toMatchObject({ outcome: "taken", given: [1, 3], held: 3, unsettled: 3 });
  });

  test("what waits is handed out by about 1 MiB, with at least one", async () => {
    const { join, take, claim, settle, module } = await openWork(["", "", ""]);
    const ada = await join("ada");
    await take(ada, 0);
    await settle(ada, [1, 2, 3], "release");
    await given().client.query("update mem0_cc.memory set size = 700 * 1024 where module = $1", [module]);
    expect(await claim(ada)).toEqual(["1@1"]);
  });

  test("a consumer that is gone, or never was, has no members and no work", async () => {
    expect(await work().join("nobody", "ada", "ada")).toBeUndefined();
    expect(await work().load("nobody")).toBeUndefined();
    const { take, claim } = await openWork(["a"]);
    expect(await take("999999", 0)).toMatchObject({ outcome: "lost", given: [] });
    expect(await claim("999999")).toEqual([]);
  });
});

describe("settling", () => {
  test("what is done is gone, and the place of the consumer goes up to the first that is not", async () => {
    const { join, take, settle, settled } = await openWork(["a", "b", "c"]);
    const ada = await join("ada");
    await take(ada, 0);
    await settle(ada, [2, 3]);
    expect(await settled()).toBe(0);
    await settle(ada, [1]);
    expect(await settled()).toBe(3);
  });

  test("C6: what a membership does not hold is refused: not its own, settled before, or never handed out", async () => {
    const { join, take, settle } = await openWork(["a", "b", "c"]);
    const [ada, bob] = [await join("ada"), await join("bob")];
    await take(ada, 0, 2);
    expect(await settle(bob, [1])).toEqual([1n]);
    expect(await settle(ada, [1, 7])).toEqual([7n]);
    for (const outcome of ["ack", "retry", "park", "release"] as const)
      expect(await settle(ada, [1], outcome)).toEqual([1n]);
  });

  test("C5: what fails takes along what the member holds of its key after it; other keys stay", async () => {
    const { join, take, settle, claim, status } = await openWork(["a", "b", "a", "a"]);
    const ada = await join("ada");
    await take(ada, 0);
    await settle(ada, [3], "retry", { delayMs: 0, error: "no ink" });
    expect(await status()).toMatchObject({ inFlight: 2n, waiting: 2n, resting: 0n });
    expect(await claim(ada)).toEqual(["3@2", "4@1"]);
  });

  test("C4: a key rests with its event, for as long as was asked; other keys go on", async () => {
    const { join, take, settle, claim, status } = await openWork(["a", "a", "b"]);
    const ada = await join("ada");
    await take(ada, 0);
    await settle(ada, [1], "retry", { delayMs: 60_000 });
    await settle(ada, [3], "release");
    expect(await claim(ada)).toEqual(["3@1"]);
    expect(await status()).toMatchObject({ resting: 1n, waiting: 1n, inFlight: 1n });
  });

  test("the rest after a failure doubles, a fifth more or less, up to its bound", async () => {
    const backoff = { backoffInitial: { seconds: 10n }, backoffMax: { seconds: 30n } };
    const { join, take, settle, name } = await openWork(["a"], { maxAttempts: 10, ...backoff });
    const ada = await join("ada");
    await take(ada, 0);
    for (const [least, most] of [
      [8, 12],
      [16, 24],
      [24, 36],
      [24, 36],
    ] as const) {
      await settle(ada, [1], "retry");
      const { rows } = await given().client.query(
        `update mem0_cc.delivery set due_at = null, generation = $2 where consumer = $1
         returning (select extract(epoch from old.due_at - clock_timestamp()) from mem0_cc.delivery old where old.consumer = $1) as rest`,
        [name, ada],
      );
      expect(Number(rows[0].rest)).toBeGreaterThan(least - 2);
      expect(Number(rows[0].rest)).toBeLessThanOrEqual(most);
    }
  });

  test("after as many failures as the consumer allows an event is a dead letter, with the last error; its key goes on", async () => {
    const { join, take, settle, claim, dead, settled } = await openWork(["a", "a"], { maxAttempts: 2 });
    const ada = await join("ada");
    await take(ada, 0);
    await settle(ada, [1], "retry", { delayMs: 0, error: "no ink" });
    expect(await claim(ada)).toEqual(["1@2", "2@1"]);
    await settle(ada, [1], "retry", { error: "no paper" });
    expect(await claim(ada)).toEqual(["2@1"]);
    expect(await dead()).toMatchObject([
      { attempts: 2, error: "no paper", reason: DeadLetter_Reason.ATTEMPTS, member: "ada" },
    ]);
    await settle(ada, [2]);
    expect(await settled()).toBe(2);
  });

  test("what is parked is a dead letter at once, and what follows of its key stays with the member", async () => {
    const { join, take, settle, dead, status } = await openWork(["a", "a"]);
    const ada = await join("ada");
    await take(ada, 0);
    expect(await settle(ada, [1], "park", { error: "unreadable" })).toEqual([]);
    expect(await dead()).toMatchObject([
      { attempts: 1, error: "unreadable", reason: DeadLetter_Reason.PARKED, member: "ada" },
    ]);
    expect(await status()).toMatchObject({ inFlight: 1n, deadLetters: 1n });
  });
});

describe("memberships", () => {
  test("one that leaves in peace frees what it holds, and nothing counts as lost", async () => {
    const { name, join, take, claim } = await openWork(["a", "b"]);
    const [ada, bob] = [await join("ada"), await join("bob")];
    await take(ada, 0);
    await work().leave(name, ada, false);
    await work().leave(name, ada, false);
    expect(await claim(bob)).toEqual(["1@1", "2@1"]);
  });

  test("C6: one whose lease has run out loses what it holds to others, and what it says of it is refused", async () => {
    const { name, join, take, claim, settle } = await openWork(["a"]);
    const [ada, bob] = [await join("ada"), await join("bob")];
    await take(ada, 0);
    await runOut(name, ada);
    expect(await work().attention([{ consumer: name, version: await versionOf(name) }])).toEqual([
      { consumer: name, changed: false, late: true, waits: false },
    ]);
    await work().expire(name);
    expect(await claim(bob)).toEqual(["1@2"]);
    expect(await settle(ada, [1])).toEqual([1n]);
    expect(await work().renew([{ consumer: name, generation: ada }])).toEqual(new Set());
  });

  test("C6: a lease that has run out, and was not noticed yet, still counts; a sign of life renews it", async () => {
    const { name, join, take, settle } = await openWork(["a"]);
    const ada = await join("ada");
    await take(ada, 0);
    await runOut(name, ada);
    expect(await settle(ada, [1])).toEqual([]);
    expect(await work().renew([{ consumer: name, generation: ada }])).toEqual(new Set([ada]));
    await work().expire(name);
    expect(await work().attention([{ consumer: name, version: await versionOf(name) }])).toEqual([]);
  });

  test("a second of the same name takes its place: what the first holds is free, and is no loss", async () => {
    const { join, take, claim, settle } = await openWork(["a"]);
    const first = await join("ada");
    await take(first, 0);
    const second = await join("ada");
    expect(Number(second)).toBeGreaterThan(Number(first));
    expect(await settle(first, [1])).toEqual([1n]);
    expect(await claim(second)).toEqual(["1@1"]);
  });

  test("the first of each key in the hands of 20 lost members is a dead letter; what stood behind it is not", async () => {
    const { name, join, take, claim, dead } = await openWork(["a", "a", "b"]);
    let member = await join("m");
    await take(member, 0);
    for (let n = 1; n <= 20; n += 1) {
      await work().leave(name, member, true);
      member = await join("m");
      expect(await claim(member)).toEqual(n < 20 ? [`1@${n + 1}`, "2@1", `3@${n + 1}`] : ["2@1"]);
    }
    const letter = {
      attempts: 20,
      reason: DeadLetter_Reason.MEMBERS_LOST,
      error: "the members that held it were lost",
    };
    expect(await dead()).toMatchObject([letter, letter]);
  });

  test("C9: what is said of an event that is forgotten by then is not kept", async () => {
    const { join, take, settle, name, dead, module } = await openWork(["a", "b"], { maxAttempts: 2 });
    const ada = await join("ada");
    await take(ada, 0);
    await given().client.query("update mem0_cc.memory set forgotten_at = now() where module = $1", [module]);
    await settle(ada, [1], "retry", { error: "it says: up betimes" });
    await settle(ada, [2], "park", { error: "it says: up betimes" });
    const { rows } = await given().client.query(
      `select error from mem0_cc.delivery where consumer = $1 union all select error from mem0_cc.dead_letter where consumer = $1`,
      [name],
    );
    expect(rows).toEqual([{ error: null }, { error: null }]);
    await given().client.query("update mem0_cc.dead_letter set error = 'kept all the same' where consumer = $1", [
      name,
    ]);
    expect(await dead()).toMatchObject([{ error: "" }]);
  });

  test("a lease is what it was when the member joined", async () => {
    const { name, join } = await openWork(["a"], { lease: { seconds: 60n } });
    const ada = await join("ada");
    await given().client.query("update mem0_cc.consumer set lease_ms = 1000 where name = $1", [name]);
    await work().renew([{ consumer: name, generation: ada }]);
    const { rows } = await given().client.query(
      "select lease_until > now() + interval '50 s' as long from mem0_cc.consumer_member where consumer = $1",
      [name],
    );
    expect(rows).toEqual([{ long: true }]);
  });

  test("nobody renews another principal's membership; why one is none any more can be told", async () => {
    const { name, join } = await openWork(["a"]);
    const ada = await join("ada");
    expect(await work().renew([{ consumer: name, generation: ada }], "bob")).toEqual(new Set());
    expect(await work().renew([{ consumer: name, generation: ada }], "ada")).toEqual(new Set([ada]));
    expect(await work().whyLost(name, "ada")).toBe("replaced");
    await work().leave(name, ada, false);
    expect(await work().whyLost(name, "ada")).toBe("lost");
    expect(await work().whyLost("nobody", "ada")).toBe("gone");
  });

  test("what is held past the acknowledgement deadline has failed, though its member lives; the key's rest comes back too", async () => {
    const { name, join, take, settle, status } = await openWork(["a", "b", "a"], { ackDeadline: { seconds: 60n } });
    const ada = await join("ada");
    await take(ada, 0);
    await given().client.query(
      "update mem0_cc.delivery set given_at = given_at - interval '61 s' where consumer = $1 and position = 1",
      [name],
    );
    expect(await work().attention([{ consumer: name, version: await versionOf(name) }])).toMatchObject([
      { late: true },
    ]);
    await work().expire(name);
    expect(await status()).toMatchObject({ inFlight: 1n, resting: 1n, waiting: 1n });
    expect(await settle(ada, [1, 2, 3])).toEqual(expect.arrayContaining([1n, 3n]));
  });

  test("what needs somebody is found by one question: something waits, a revision that is not known, a consumer that is gone", async () => {
    const { name, join, take, settle } = await openWork(["a"]);
    const ada = await join("ada");
    await take(ada, 0);
    await settle(ada, [1], "release");
    expect(
      await work().attention([
        { consumer: name, version: await versionOf(name) },
        { consumer: "nobody", version: "1" },
      ]),
    ).toEqual([
      { consumer: name, changed: false, late: false, waits: true },
      { consumer: "nobody", changed: true, late: false, waits: false },
    ]);
  });
});
