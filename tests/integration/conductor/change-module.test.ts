import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { ListMemoriesRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import {
  type Module,
  ModuleSchema,
  ModuleState,
  UpdateModuleRequestSchema,
} from "#gen/cos/conductor/v1/module_service_pb.ts";
import { SEARCH_LANGUAGES } from "#services/conductor/domain/search-languages.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openForgetful } from "./open-forgetful.ts";
import type { TestStore } from "./open-test-store.ts";
import { someCall } from "./some-forgetting.ts";
import { someNote } from "./some-note.ts";

type Settings = Partial<Omit<Module, "$typeName" | "$unknown">>;

const everything = localScope();
let given: TestStore & Pick<Awaited<ReturnType<typeof openForgetful>>, "auditOf">;
beforeAll(async () => {
  given = await openForgetful();
});
afterAll(() => given.close());

const register = (name: string, rest: Settings = {}) =>
  given.store.registerModule(everything, create(ModuleSchema, { name, ...rest }));
const update = (name: string, sent: Settings, paths: string[], revision = 0n, call = someCall()) =>
  given.store.updateModule(
    create(UpdateModuleRequestSchema, { module: { name, ...sent }, updateMask: { paths }, revision }),
    call,
  );
const retire = (name: string, revision = 0n, call = someCall()) =>
  given.store.setModuleState("retired", { name, revision }, call);
const reactivate = (name: string, revision = 0n) =>
  given.store.setModuleState("active", { name, revision }, someCall());
const record = (module: string) => given.store.record(everything, someMemory({ module }));

const reason = (name: keyof typeof ErrorReason) => ({ reason: ErrorReason[name] });

describe("settings", () => {
  test("a module that sets nothing is told with what counts", async () => {
    expect(await given.store.getModule(everything, "cc")).toMatchObject({
      language: "english",
      scratchNotesMax: 10_000n,
      scratchBytesMax: 67_108_864n,
      scratchTtl: durationFromMs(86_400_000),
      scratchTtlMax: durationFromMs(30 * 86_400_000),
    });
    const { rows } = await given.client.query("select language, scratch_ttl_ms from mem0_cc.module where name = 'cc'");
    expect(rows).toEqual([{ language: null, scratch_ttl_ms: null }]);
  });

  test("are taken with the registration, and read again", async () => {
    const settings = {
      language: "german",
      scratchNotesMax: 7n,
      scratchBytesMax: 1000n,
      scratchTtl: durationFromMs(60_000),
      scratchTtlMax: durationFromMs(3_600_500),
    };
    expect(await register("fully_set", settings)).toMatchObject(settings);
    expect(await given.store.getModule(everything, "fully_set")).toMatchObject(settings);
  });

  test("every language that is offered is one that this PostgreSQL has", async () => {
    const { rows } = await given.client.query("select cfgname from pg_ts_config");
    const known = new Set(rows.map(({ cfgname }) => cfgname));
    expect(SEARCH_LANGUAGES.filter((language) => !known.has(language))).toEqual([]);
  });

  test("a language that is none is refused by name, and nothing is registered", async () => {
    await expect(register("klingon_texts", { language: "klingon" })).rejects.toMatchObject({
      ...reason("INVALID_FIELD"),
      fields: [{ field: "module.language", description: expect.stringContaining("english, finnish, french") }],
    });
    await expect(given.store.getModule(everything, "klingon_texts")).rejects.toMatchObject(reason("MODULE_NOT_FOUND"));
  });
});

describe("an update", () => {
  test("changes what the mask names and nothing else, counts, and is audited", async () => {
    const before = await register("updated", { title: "Before", description: "stays", language: "french" });
    const after = await update("updated", { title: "After", description: "is not named" }, ["title"], 1n);
    expect(after).toMatchObject({ title: "After", description: "stays", language: "french", revision: 2n });
    expect(after.createdAt).toEqual(before.createdAt);
    expect(await given.store.getModule(everything, "updated")).toEqual(after);
    expect(await given.auditOf("updated")).toMatchObject([
      { principal: "owner", action: "module.updated", details: { fields: "title" } },
    ]);
  });

  test("what is named and unset is by default again; the title is the name then", async () => {
    await register("undone", { title: "Undone", language: "french", scratchNotesMax: 7n });
    const undone = await update("undone", {}, ["*"]);
    expect(undone).toMatchObject({ title: "undone", language: "english", scratchNotesMax: 10_000n });
  });

  test("of another revision than was read is refused, and nothing is changed", async () => {
    const { revision } = await register("raced");
    const answers = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => update("raced", { title: `Title ${n}` }, ["title"], revision)),
    );
    const refused = answers.filter((answer) => answer.status === "rejected");
    expect(refused).toHaveLength(7);
    for (const { reason: error } of refused) {
      expect(error).toMatchObject({ ...reason("REVISION_STALE"), resource: { type: "module", name: "raced" } });
    }
    expect((await given.store.getModule(everything, "raced")).revision).toBe(2n);
  });

  test("that names another path, or nothing, or does not go with what stays, is refused by its field", async () => {
    await register("checked", { scratchTtlMax: durationFromMs(3_600_000) });
    const fault = (field: string) => ({ ...reason("INVALID_FIELD"), fields: [{ field }] });
    await expect(update("checked", {}, [])).rejects.toMatchObject(fault("update_mask"));
    await expect(update("checked", {}, ["title", "head"])).rejects.toMatchObject(fault("update_mask"));
    await expect(update("checked", { title: "\ud800" }, ["title"])).rejects.toMatchObject(fault("module.title"));
    const tooLong = { scratchTtl: durationFromMs(3_600_001) };
    await expect(update("checked", tooLong, ["scratch_ttl"])).rejects.toMatchObject(fault("module.scratch_ttl"));
    expect((await given.store.getModule(everything, "checked")).revision).toBe(1n);
  });

  test("of what is unknown, or not to be seen, is not found", async () => {
    const missing = { ...reason("MODULE_NOT_FOUND"), resource: { type: "module" } };
    await expect(update("nowhere", {}, ["title"])).rejects.toMatchObject(missing);
    const outside = { ...someCall(), scope: scopeOf(["cc"]) };
    await expect(update("updated", {}, ["title"], 0n, outside)).rejects.toMatchObject(missing);
    await expect(retire("updated", 0n, outside)).rejects.toMatchObject(missing);
  });
});

describe("a retired module", () => {
  test("is read and not written, until it is brought back; each change counts once and is audited", async () => {
    await register("old");
    await record("old");
    const retired = await retire("old", 1n);
    expect(retired).toMatchObject({ state: ModuleState.RETIRED, revision: 2n, head: { position: 1n } });
    expect(await retire("old")).toEqual(retired);
    await expect(record("old")).rejects.toMatchObject(reason("MODULE_RETIRED"));
    const request = create(ListMemoriesRequestSchema, { module: "old" });
    expect((await given.store.listMemories(everything, request)).memories).toHaveLength(1);
    expect(await update("old", { description: "kept for the record" }, ["description"])).toMatchObject({
      state: ModuleState.RETIRED,
      revision: 3n,
    });
    await expect(reactivate("old", 2n)).rejects.toMatchObject(reason("REVISION_STALE"));
    const back = await reactivate("old", 3n);
    expect(back).toMatchObject({ state: ModuleState.ACTIVE, revision: 4n });
    expect(await reactivate("old")).toEqual(back);
    expect((await record("old")).position).toBe(2);
    const actions = (await given.auditOf("old")).map(({ action }) => action);
    expect(actions).toEqual(["module.retired", "module.updated", "module.reactivated"]);
  });

  test("`cc` is never one", async () => {
    await expect(retire("cc")).rejects.toMatchObject({
      ...reason("MODULE_BUILT_IN"),
      resource: { type: "module", name: "cc" },
    });
    expect((await given.store.getModule(everything, "cc")).state).toBe(ModuleState.ACTIVE);
  });

  test("takes nothing any more once the retirement has answered, whatever was under way", async () => {
    await register("busy");
    let answered = false;
    const lateOnes: string[] = [];
    const begun = new Set<number>();
    const write = async (writer: number, call: () => Promise<unknown>, what: string): Promise<void> => {
      for (;;) {
        const startedAfter = answered;
        try {
          await call();
        } catch (error) {
          expect(error).toMatchObject(reason("MODULE_RETIRED"));
          return;
        }
        begun.add(writer);
        if (startedAfter) lateOnes.push(what);
      }
    };
    const writers = Array.from({ length: 8 }, (_, n) =>
      n % 2 === 0
        ? write(n, () => record("busy"), "memory")
        : write(n, () => given.store.scratch.putNote(everything, someNote({ module: "busy", key: `${n}` })), "note"),
    );
    while (begun.size < writers.length) await new Promise((resolve) => setTimeout(resolve, 5));
    const retired = await retire("busy");
    answered = true;
    const afterwards = await given.store.getModule(everything, "busy");
    await Promise.all(writers);
    expect(lateOnes).toEqual([]);
    expect(afterwards.head).toEqual(retired.head);
    expect((await given.store.getModule(everything, "busy")).head).toEqual(retired.head);
    const { rows } = await given.client.query(
      "select max(updated_at) < (select updated_at from mem0_cc.module where name = 'busy') as before from mem0_cc.note where module = 'busy'",
    );
    expect(rows).toEqual([{ before: true }]);
  });
});

test("an abandoned change is not begun", async () => {
  const gone = new Error("gone");
  const left = { ...someCall(), signal: AbortSignal.abort(gone) };
  await expect(update("updated", {}, ["title"], 0n, left)).rejects.toBe(gone);
});
