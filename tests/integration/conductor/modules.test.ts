import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { ModuleSchema, ModuleState } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";

const everything = localScope();
let given: TestStore;
beforeAll(async () => {
  given = await openTestStore();
});
afterAll(() => given.close());

const register = (name: string, rest: { title?: string; description?: string } = {}) =>
  given.store.registerModule(everything, create(ModuleSchema, { name, ...rest }));

describe("modules", () => {
  test("`cc` is there from the start", async () => {
    const cc = await given.store.getModule(everything, "cc");
    const { current } = given.store.log.epochs();
    expect(cc).toMatchObject({ name: "cc", state: ModuleState.ACTIVE, floor: 0n, revision: 1n });
    expect(cc.head).toMatchObject({ module: "cc", position: 0n, epoch: current.identity });
  });

  test("a registered module takes memories, and its head moves", async () => {
    const registered = await register("drafts", { description: "what may be thrown away" });
    expect(registered).toMatchObject({ name: "drafts", title: "drafts", description: "what may be thrown away" });
    expect(await given.store.getModule(everything, "drafts")).toEqual(registered);
    await given.store.record(everything, someMemory({ module: "drafts" }));
    const { head } = await given.store.getModule(everything, "drafts");
    expect(head?.position).toBe(1n);
  });

  test("a title stays as given", async () => {
    expect(await register("titled", { title: "With a title" })).toMatchObject({ title: "With a title" });
  });

  test("what could not be kept as it is is refused by name", async () => {
    for (const field of ["title", "description"]) {
      await expect(register("half", { [field]: "x\ud800y" })).rejects.toMatchObject({
        reason: ErrorReason.INVALID_FIELD,
        fields: [{ field: `module.${field}` }],
      });
    }
  });

  test("a name that is taken is refused, and uses no number up", async () => {
    await expect(register("cc")).rejects.toMatchObject({
      reason: ErrorReason.MODULE_EXISTS,
      resource: { type: "module", name: "cc" },
    });
    await register("next");
    const heads = await given.store.log.heads();
    expect(heads.map(({ number }) => number)).toEqual(heads.map((_, n) => n + 1));
  });

  test("numbers are dense and given once, however many register at once", async () => {
    await Promise.allSettled(Array.from({ length: 12 }, (_, n) => register(`same_${n % 8}`)));
    const heads = await given.store.log.heads();
    expect(heads.filter(({ module }) => module.startsWith("same"))).toHaveLength(8);
    expect(heads.map(({ number }) => number)).toEqual(heads.map((_, n) => n + 1));
  });

  test("lists are by name, in pages, and hold what the caller may see", async () => {
    const names: string[] = [];
    let pageToken = "";
    do {
      const page = await given.store.listModules(everything, { pageSize: 3, pageToken });
      expect(page.modules.length).toBeLessThanOrEqual(3);
      names.push(...page.modules.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(names).toEqual([...names].sort());
    expect(names.length).toBe((await given.store.log.heads()).length);
    const some = await given.store.listModules(scopeOf(["drafts", "nowhere"]), { pageSize: 0, pageToken: "" });
    expect(some.modules.map(({ name }) => name)).toEqual(["drafts"]);
  });

  test("what is unknown, or not to be seen, is not found; a token that is garbage is refused", async () => {
    const missing = { reason: ErrorReason.MODULE_NOT_FOUND, resource: { type: "module" } };
    await expect(given.store.getModule(everything, "nowhere")).rejects.toMatchObject(missing);
    await expect(given.store.getModule(scopeOf(["cc"]), "drafts")).rejects.toMatchObject(missing);
    await expect(given.store.listModules(everything, { pageSize: 0, pageToken: "garbage" })).rejects.toMatchObject({
      reason: ErrorReason.PAGE_TOKEN_INVALID,
    });
  });

  test("a retired module says so", async () => {
    await register("old");
    await given.client.query("update mem0_cc.module set state = 'retired' where name = 'old'");
    expect((await given.store.getModule(everything, "old")).state).toBe(ModuleState.RETIRED);
  });

  test("an abandoned call ends with its caller's reason, before and while it runs", async () => {
    const gone = new Error("gone");
    await expect(given.store.getModule(everything, "cc", AbortSignal.abort(gone))).rejects.toBe(gone);
    await given.client.query("begin");
    await given.client.query("lock table mem0_cc.module in access exclusive mode");
    const leaving = new AbortController();
    const waiting = given.store.getModule(everything, "cc", leaving.signal);
    setTimeout(() => leaving.abort(gone), 30);
    await expect(waiting).rejects.toBe(gone);
    await given.client.query("rollback");
  });
});
