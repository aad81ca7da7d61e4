// What is done to consumers while their members work, and what is asked of them wrongly.
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

describe("when things change under its members", () => {
  test("a consumer that was moved back hands everything out again; what was held before is refused", async () => {
    const name = await openConsumer();
    const ada = await joinAs(client(), name, "", name);
    ada.credit(100);
    await record(name, ["a", "b"]);
    await ada.has(2);
    const { cursors } = await client().highway.seekConsumer({ name, to: { case: "beginning", value: true } });
    expect(cursors).toMatchObject([{ module: name, position: 0n }]);
    await ada.has(4);
    ada.settle([1, 2]);
    await isDone(name);
    ada.cut();
  });

  test("a consumer is paused, changed and goes on, wherever its members are", async () => {
    const name = await openConsumer();
    const away = mesh().client((await mesh().replica()).address);
    const ada = await joinAs(away, name, "", name);
    ada.credit(10);
    const change = (consumer: object, paths: string[]) =>
      client().highway.updateConsumer({ consumer: { name, ...consumer }, updateMask: { paths } });
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
    const away = mesh().client((await mesh().replica()).address);
    const members = [await joinAs(client(), name, "ada", name), await joinAs(away, name, "bob", name)];
    await client().highway.deleteConsumer({ name });
    for (const member of members) expect(reasonOf((await member.isOver()) as Error)).toBe("CONSUMER_NOT_FOUND");
    await expect(client().highway.getConsumer({ name })).rejects.toThrow(/no consumer/);
  });

  test("a module that is registered later is read from its beginning by a consumer of all", async () => {
    const name = "all-of-them";
    await client().highway.createConsumer({ consumer: { name, allModules: true, key: Consumer_Key.NONE } });
    const ada = await joinAs(client(), name);
    ada.credit(1000);
    await client().modules.registerModule({ module: { name: "later" } });
    await record("later", ["a", "b"]);
    await eventually(() => ada.given.filter(({ module }) => module === "later").length === 2);
    ada.cut();
    await client().highway.deleteConsumer({ name });
  });

  test("dead letters are replayed and thrown away, each once, however many do both at once", async () => {
    const name = await openConsumer({ maxAttempts: 1 });
    const ada = await joinAs(client(), name, "", name);
    ada.credit(10_000);
    await record(
      name,
      Array.from({ length: 20 }, (_, n) => `s${n}`),
    );
    await ada.has(20);
    ada.settle(positionsOf(ada.given), Settle_Outcome.PARK);
    await eventually(async () => (await statusOf(name)).deadLetters === 20n);
    const all = { which: { case: "all", value: true } } as const;
    await expect(
      client().highway.purgeDeadLetters({ consumer: name, selector: all, count: 19n }),
    ).rejects.toMatchObject({
      code: Code.FailedPrecondition,
    });
    const two = { places: [1, 2].map((n) => ({ module: name, position: BigInt(n) })) };
    expect(
      await client().highway.purgeDeadLetters({
        consumer: name,
        selector: { which: { case: "places", value: two } },
        count: 2n,
      }),
    ).toMatchObject({ purged: 2n });
    const [purged, replayed] = await Promise.allSettled([
      client().highway.purgeDeadLetters({ consumer: name, selector: all, count: 18n }),
      client().highway.replayDeadLetters({ consumer: name, selector: { which: { case: "module", value: name } } }),
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
        for await (const _ of client().highway.consume(said()));
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
    expect(await client().highway.createConsumer({ consumer: again })).toMatchObject({ existed: true });
    for (const other of [
      { ...again, filter: { tags: ["y"] } },
      { ...again, maxAttempts: 9 },
    ])
      await expect(client().highway.createConsumer({ consumer: other })).rejects.toMatchObject({
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
    const refused = await client()
      .highway.createConsumer(request as never)
      .catch((error: unknown) => reasonOf(error as Error));
    expect(refused).toBe(reason);
    await expect(client().highway.getConsumer({ name: "x" })).rejects.toMatchObject({ code: Code.NotFound });
  });

  test("a change of what never changes, of nothing, or of another revision", async () => {
    const name = await openConsumer();
    const change = (paths: string[], revision = 0n) =>
      client()
        .highway.updateConsumer({ consumer: { name }, updateMask: { paths }, revision })
        .catch((error: unknown) => reasonOf(error as Error));
    expect(await change(["modules"])).toBe("INVALID_FIELD");
    expect(await change([])).toBe("INVALID_FIELD");
    expect(await change(["paused"], 7n)).toBe("REVISION_STALE");
    expect(await change(["description"], 1n)).toMatchObject({ consumer: { revision: 2n } });
    await expect(client().highway.seekConsumer({ name })).rejects.toThrow(/say where to/);
  });
});
