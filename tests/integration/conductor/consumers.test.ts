// Consumers as the database keeps them: made, listed, changed, and their dead letters.
import { clearField, create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { ForgetMemoriesRequestSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { ConsumerSchema, DeadLetterSelectorSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import { ListDeadLettersRequestSchema, SeekConsumerRequestSchema } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { acceptConsumer } from "#services/conductor/domain/accept-consumer.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";
import { accessOf, callBy, createConsumerIn, freshModule, recordSessions } from "./some-consumer.ts";
import { someCall } from "./some-forgetting.ts";

let given: TestStore;
beforeAll(async () => {
  given = await openTestStore();
});
afterAll(() => given.close());

const everything = localScope();
const selectorOf = (which: object) => create(DeadLetterSelectorSchema, { which } as never);
const all = selectorOf({ case: "all", value: true });

let names = 0;
/** A consumer with dead letters of the texts that sessions name. */
async function withDeadLetters(count: number) {
  names += 1;
  const name = `dead-${names}`;
  const module = await freshModule(given.store);
  const { consumers } = given.store;
  await createConsumerIn(given.store, { name, modules: [module], maxAttempts: 1 });
  await recordSessions(
    given.store,
    module,
    Array.from({ length: count }, (_, n) => `s${n}`),
  );
  const { generation } = (await consumers.deliveries.join(name, "ada", "ada"))!;
  const positions = Array.from({ length: count }, (_, n) => n + 1);
  const read = {
    consumer: name,
    generation,
    version: (await consumers.deliveries.load(name))!.version,
    module,
    after: 0,
    through: count,
  };
  await consumers.deliveries.take({ ...read, positions, keys: positions.map(() => null) });
  await consumers.deliveries.settle({
    consumer: name,
    generation,
    module,
    positions: positions.map(BigInt),
    outcome: "park",
    delayMs: undefined,
    error: "it says: up betimes",
  });
  const list = (more: object = {}) =>
    consumers.listDeadLetters(everything, create(ListDeadLettersRequestSchema, { consumer: name, ...more }));
  return { name, module, list, consumers };
}

describe("consumers", () => {
  test("are listed by name, a page at a time, to those who may read all that they read", async () => {
    const [one, two] = [await freshModule(given.store), await freshModule(given.store)];
    for (const [name, modules] of [
      ["page-a", [one]],
      ["page-b", [one, two]],
      ["page-c", [two]],
    ] as const)
      await createConsumerIn(given.store, { name, modules: [...modules] });
    await createConsumerIn(given.store, { name: "page-all", allModules: true });
    const { consumers } = given.store;
    const seen = async (modules: string[]) => {
      const scope = accessOf(modules.map((module) => [module, Verb.READ])).scope;
      const page = await consumers.list(scope, { pageSize: 100, pageToken: "" });
      return page.consumers.map(({ consumer }) => consumer!.name);
    };
    expect(await seen([one])).toEqual(["page-a"]);
    expect(await seen([one, two])).toEqual(["page-a", "page-b", "page-c"]);
    expect(await seen(["*"])).toEqual(expect.arrayContaining(["page-a", "page-all", "page-b", "page-c"]));
    const pages: string[] = [];
    let pageToken = "";
    do {
      const scope = accessOf([
        [one, Verb.READ],
        [two, Verb.READ],
      ]).scope;
      const page = await consumers.list(scope, { pageSize: 2, pageToken });
      pages.push(page.consumers.map(({ consumer }) => consumer!.name).join());
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(pages).toEqual(["page-a,page-b", "page-c"]);
    await expect(consumers.list(everything, { pageSize: 2, pageToken: "nonsense" })).rejects.toMatchObject({
      reasonName: "PAGE_TOKEN_INVALID",
    });
    const stranger = accessOf([["other", Verb.ADMIN]]).scope;
    await expect(consumers.get(stranger, "page-a")).rejects.toMatchObject({ reasonName: "CONSUMER_NOT_FOUND" });
  });

  test("start at the end, at the beginning, at a time or at cursors; and are moved likewise", async () => {
    const module = await freshModule(given.store);
    await recordSessions(given.store, module, ["a", "b", "c"]);
    const places = async (name: string) =>
      (await given.store.consumers.get(everything, name)).places.map(({ read }) => Number(read));
    const at = async (name: string, start: object) => {
      await createConsumerIn(given.store, { name, modules: [module] }, start);
      return places(name);
    };
    expect(await at("start-end", {})).toEqual([3]);
    expect(await at("start-beginning", { start: { case: "fromBeginning", value: true } })).toEqual([0]);
    expect(await at("start-time", { start: { case: "fromTime", value: { seconds: 1n } } })).toEqual([0]);
    expect(await at("start-cursor", { cursors: [{ module, position: 2n }] })).toEqual([2]);
    const seek = async (request: object) => {
      await given.store.consumers.seek(callBy(), create(SeekConsumerRequestSchema, { name: "start-end", ...request }));
      return places("start-end");
    };
    expect(await seek({ cursors: [{ module, position: 1n }] })).toEqual([1]);
    expect(await seek({ to: { case: "beginning", value: true } })).toEqual([0]);
    expect(await seek({ to: { case: "end", value: true } })).toEqual([3]);
    expect(await seek({ to: { case: "time", value: { seconds: 1n } } })).toEqual([0]);
    await expect(seek({ cursors: [{ module, position: 9n }] })).rejects.toMatchObject({
      reasonName: "CURSOR_ABOVE_HEAD",
    });
  });

  test("who may not change one, changes nothing; one that is deleted leaves nothing behind", async () => {
    const { name, consumers } = await withDeadLetters(2);
    const judge = (): never => {
      throw new Error("you may not");
    };
    await expect(consumers.delete({ ...callBy(), judge }, name)).rejects.toThrow();
    expect((await consumers.get(everything, name)).deadLetters).toBe(2n);
    expect(await consumers.delete(callBy(), name)).toBe(2);
    for (const table of ["consumer_place", "consumer_member", "delivery", "dead_letter"]) {
      const { rows } = await given.client.query(`select from mem0_cc.${table} where consumer = $1`, [name]);
      expect(rows).toEqual([]);
    }
    await expect(consumers.delete(callBy(), name)).rejects.toMatchObject({ reasonName: "CONSUMER_NOT_FOUND" });
  });

  test("there may be so many in all", async () => {
    await given.client.query(`insert into mem0_cc.consumer
      (name, modules, all_modules, key, lease_ms, max_attempts, max_in_flight, backoff_initial_ms, backoff_max_ms, created_by)
      select 'many-' || n, '{cc}', false, 1, 1000, 5, 10, 1000, 1000, 'ada' from generate_series(1, 10000) n`);
    await expect(createConsumerIn(given.store, { name: "one-more" })).rejects.toMatchObject({
      reasonName: "QUOTA_EXCEEDED",
    });
    expect(await given.store.consumers.deliveries.load("one-more")).toBeUndefined();
    await given.client.query("delete from mem0_cc.consumer where name like 'many-%'");
  });

  test("an update says its defaults again, and counts the revision", async () => {
    const module = await freshModule(given.store);
    await createConsumerIn(given.store, { name: "updated", modules: [module], ackDeadline: { seconds: 5n } });
    const updated = await given.store.consumers.update(callBy(), {
      name: "updated",
      revision: 1n,
      change: (old) => {
        const changed = { ...old, maxAttempts: 0, description: "for drafts" };
        clearField(changed, ConsumerSchema.field.ackDeadline);
        return acceptConsumer(changed);
      },
    });
    expect(updated).toMatchObject({ revision: 2n, maxAttempts: 5, description: "for drafts" });
    expect(updated.ackDeadline).toBeUndefined();
  });
});

describe("dead letters", () => {
  test("are listed by place, a page at a time, with how many there are in all", async () => {
    const { list, module } = await withDeadLetters(5);
    const first = await list({ pageSize: 2 });
    const places = first.deadLetters.map(({ event }) => Number(event!.body.value!.position));
    expect([places, first.total, first.nextPageToken === ""]).toEqual([[1, 2], 5n, false]);
    const rest = await list({ pageSize: 9, pageToken: first.nextPageToken });
    expect(rest.deadLetters.map(({ event }) => Number(event!.body.value!.position))).toEqual([3, 4, 5]);
    expect(await list({ module })).toMatchObject({ total: 5n, nextPageToken: "" });
    expect(await list({ module: "cc" })).toMatchObject({ total: 0n, deadLetters: [] });
    await expect(list({ module, pageToken: first.nextPageToken })).rejects.toMatchObject({
      reasonName: "PAGE_TOKEN_INVALID",
    });
    await expect(list({ consumer: "nobody" })).rejects.toMatchObject({ reasonName: "CONSUMER_NOT_FOUND" });
  });

  test("a page ends at 1 MiB, with at least one", async () => {
    const { list, name } = await withDeadLetters(3);
    await given.client.query(
      `update mem0_cc.memory m set size = 700 * 1024 from mem0_cc.dead_letter l
       where l.consumer = $1 and m.module = l.module and m.position = l.position`,
      [name],
    );
    const page = await list();
    expect(page.deadLetters).toHaveLength(1);
    expect(page.nextPageToken).not.toBe("");
  });

  test("of other consumers are none of this one's", async () => {
    const one = await withDeadLetters(1);
    await withDeadLetters(2);
    expect((await one.list()).total).toBe(1n);
  });

  test("a forgetting takes what members said of it, and leaves what is left of the memory", async () => {
    const { list, module, consumers, name } = await withDeadLetters(2);
    await consumers.replay(
      callBy(),
      name,
      selectorOf({ case: "places", value: { places: [{ module, position: 2n }] } }),
    );
    const { rows } = await given.client.query(
      "update mem0_cc.delivery set error = 'up betimes' where consumer = $1 returning 1",
      [name],
    );
    expect(rows).toHaveLength(1);
    const request = create(ForgetMemoriesRequestSchema, {
      module,
      selector: { case: "wholeModule", value: true },
      reason: "test",
    });
    for await (const _ of given.store.forgetMemories(everything, request, someCall()));
    const { deadLetters } = await list();
    expect(deadLetters).toMatchObject([{ error: "", attempts: 1 }]);
    expect(deadLetters[0]?.event?.body.value?.text).toBe("");
    const left = await given.client.query("select error from mem0_cc.delivery where consumer = $1", [name]);
    expect(left.rows).toEqual([{ error: null }]);
  });

  test("are replayed as if never tried, at most 1,000 at once", async () => {
    const { name, module, consumers } = await withDeadLetters(3);
    await given.client.query(
      `insert into mem0_cc.dead_letter (consumer, module, position, attempts, reason, dead_at, member)
       select $1, $2, n, 1, 1, now(), 'ada' from generate_series(10, 1010) n`,
      [name, module],
    );
    expect(await consumers.replay(callBy(), name, all)).toEqual({ replayed: 1000, remaining: 4 });
    expect(await consumers.replay(callBy(), name, selectorOf({ case: "module", value: module }))).toEqual({
      replayed: 4,
      remaining: 0,
    });
    expect(await consumers.get(everything, name)).toMatchObject({ waiting: 1004n, deadLetters: 0n });
  });

  test("one that is with the members already is only taken from the dead", async () => {
    const { name, module, consumers } = await withDeadLetters(1);
    await given.client.query(
      "insert into mem0_cc.delivery (consumer, module, position, failures) values ($1, $2, 1, 3)",
      [name, module],
    );
    expect(await consumers.replay(callBy(), name, all)).toEqual({ replayed: 1, remaining: 0 });
    const { rows } = await given.client.query("select failures from mem0_cc.delivery where consumer = $1", [name]);
    expect(rows).toEqual([{ failures: 3 }]);
  });
});
