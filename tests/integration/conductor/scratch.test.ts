import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Module, ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import {
  DeleteNoteRequestSchema,
  GetNoteRequestSchema,
  GetScratchStatsRequestSchema,
  type ListNotesRequest,
  ListNotesRequestSchema,
  type Note,
  NoteView,
  TouchNoteRequestSchema,
} from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";
import { someCall } from "./some-forgetting.ts";
import { someNote } from "./some-note.ts";

const DAY_MS = 86_400_000;
const everything = localScope();
let given: TestStore;
beforeAll(async () => {
  given = await openTestStore();
});
afterAll(() => given.close());

type PutArguments = Parameters<typeof someNote>;

const put = (...note: PutArguments) => given.store.scratch.putNote(everything, someNote(...note));
const get = (key: string, module = "cc", view: NoteView = NoteView.UNSPECIFIED, scope = everything) =>
  given.store.scratch.getNote(scope, create(GetNoteRequestSchema, { module, key, view }));
const list = (request: Partial<Omit<ListNotesRequest, "$typeName" | "$unknown">> = {}, scope = everything) =>
  given.store.scratch.listNotes(scope, create(ListNotesRequestSchema, request));
const remove = (key: string, module = "cc", revision = 0n, scope = everything) =>
  given.store.scratch.deleteNote(scope, create(DeleteNoteRequestSchema, { module, key, revision }));
const touch = (key: string, ttlMs: number | undefined, module = "cc", revision = 0n, scope = everything) => {
  const ttl = ttlMs === undefined ? {} : { ttl: durationFromMs(ttlMs) };
  return given.store.scratch.touchNote(scope, create(TouchNoteRequestSchema, { module, key, revision, ...ttl }));
};
const stats = (module = "cc", scope = everything) =>
  given.store.scratch.stats(scope, create(GetScratchStatsRequestSchema, { module }));

/** The time of all notes of a module is over, and nobody has cleaned up. */
async function expire(module: string, key?: string): Promise<void> {
  const text = `update mem0_cc.note set expires_at = clock_timestamp() - interval '1 millisecond'
                where module = $1 and ($2::text is null or key = $2)`;
  await given.client.query(text, [module, key ?? null]);
}

async function stored(module: string): Promise<{ rows: number; notes: number; bytes: number; size: number }> {
  const text = `select (select count(*)::int from mem0_cc.note n where n.module = s.module) as rows, s.notes::int, s.bytes::int,
                       (select coalesce(sum(size), 0)::int from mem0_cc.note n where n.module = s.module) as size
                from mem0_cc.scratch s where s.module = $1`;
  return (await given.client.query(text, [module])).rows[0];
}

let modules = 0;
async function freshModule(settings: Partial<Omit<Module, "$typeName" | "$unknown">> = {}): Promise<string> {
  modules += 1;
  const name = `scratch_${modules}`;
  await given.store.registerModule(everything, create(ModuleSchema, { name, ...settings }));
  return name;
}

const livesMs = ({ expiresAt, updatedAt }: Note): number => timestampMs(expiresAt!) - timestampMs(updatedAt!);
const keysOf = ({ notes }: { notes: Note[] }): string[] => notes.map(({ key }) => key);
const reason = (name: keyof typeof ErrorReason) => ({ reason: ErrorReason[name] });

describe("a note", () => {
  test("is read as it was written, with what the database adds", async () => {
    const value = { acts: 3, names: ["I", "II"], deep: { er: null } };
    const written = await put({ key: "whole", text: "three acts \u{1f3ad}", value });
    expect(written).toMatchObject({ module: "cc", key: "whole", text: "", writtenBy: "editor" });
    expect(written.value).toBeUndefined();
    const read = await get("whole");
    expect(read).toEqual({ ...written, text: "three acts \u{1f3ad}", value });
    expect(livesMs(read)).toBe(DAY_MS);
    expect(read.createdAt).toEqual(read.updatedAt);
    const json = '{"acts": 3, "deep": {"er": null}, "names": ["I", "II"]}';
    expect(read.size).toBe(BigInt("whole".length + Buffer.byteLength(read.text) + json.length));
    expect(await get("whole", "cc", NoteView.BASIC)).toEqual(written);
  });

  test("lives as long as it says, else as its module says, and never longer than that allows", async () => {
    expect(livesMs(await put({ key: "short", ttl: durationFromMs(7_200_500) }))).toBe(7_200_500);
    const module = await freshModule({ scratchTtl: durationFromMs(60_000), scratchTtlMax: durationFromMs(90_000) });
    expect(livesMs(await put({ module }))).toBe(60_000);
    expect(livesMs(await put({ module, ttl: durationFromMs(90_000) }))).toBe(90_000);
    await expect(put({ module, ttl: durationFromMs(90_001) })).rejects.toMatchObject({
      ...reason("INVALID_FIELD"),
      fields: [{ field: "note.ttl", description: expect.stringContaining("at most 90 s") }],
    });
    await expect(touch("outline", 90_001, module)).rejects.toMatchObject({ fields: [{ field: "ttl" }] });
    expect(livesMs(await get("outline", module))).toBe(90_000);
    const capped = await freshModule({ scratchTtlMax: durationFromMs(5_000) });
    expect(livesMs(await put({ module: capped }))).toBe(5_000);
    await expect(put({ key: "long", ttl: durationFromMs(31 * DAY_MS) })).rejects.toMatchObject(reason("INVALID_FIELD"));
  });

  test("that is put again is overwritten whole, keeps when it was made, and has a higher revision", async () => {
    const first = await put({ key: "again", value: { a: 1 } });
    const second = await put({ key: "again", text: "two acts" }, {}, "other");
    expect(second.revision).toBeGreaterThan(first.revision);
    const read = await get("again");
    expect(read).toMatchObject({ text: "two acts", revision: second.revision, writtenBy: "other" });
    expect(read.value).toBeUndefined();
    expect(read.createdAt).toEqual(first.createdAt);
    expect(timestampMs(read.updatedAt!)).toBeGreaterThanOrEqual(timestampMs(first.updatedAt!));
  });

  test("that is touched lives from then on, and says what it said, at the revision that it had", async () => {
    const written = await put({ key: "touched", ttl: durationFromMs(60_000) });
    const touched = await touch("touched", 7_200_000, "cc", written.revision);
    const leftMs = timestampMs(touched.expiresAt!) - timestampMs(written.updatedAt!);
    expect(leftMs).toBeGreaterThanOrEqual(7_200_000);
    expect(touched).toEqual({ ...written, expiresAt: touched.expiresAt });
    expect(await get("touched")).toEqual({ ...touched, text: "three acts" });
    const byDefault = await touch("touched", undefined);
    expect(timestampMs(byDefault.expiresAt!)).toBeGreaterThan(timestampMs(touched.expiresAt!));
    await expect(touch("touched", 1000, "cc", 999_999n)).rejects.toMatchObject(reason("REVISION_STALE"));
    await expect(touch("never", 1000)).rejects.toMatchObject(reason("NOTE_NOT_FOUND"));
  });

  test("that is deleted is gone, once", async () => {
    const { revision } = await put({ key: "deleted" });
    await expect(remove("deleted", "cc", revision + 1n)).rejects.toMatchObject(reason("REVISION_STALE"));
    await remove("deleted", "cc", revision);
    await expect(get("deleted")).rejects.toMatchObject({
      ...reason("NOTE_NOT_FOUND"),
      resource: { type: "note", name: "cc/deleted" },
    });
    await expect(remove("deleted")).rejects.toMatchObject(reason("NOTE_NOT_FOUND"));
  });
});

describe("revisions", () => {
  test("the one that was read is put over; another, or none there, is refused, and nothing is written", async () => {
    const module = await freshModule();
    const { revision } = await put({ module });
    expect(revision).toBe(1n);
    const next = await put({ module, text: "second" }, { revision });
    expect(next.revision).toBe(2n);
    await expect(put({ module, text: "third" }, { revision })).rejects.toMatchObject({
      ...reason("REVISION_STALE"),
      message: expect.stringContaining("as it is now: 2"),
      fields: [{ field: "revision" }],
    });
    await expect(put({ module, key: "new" }, { revision: 1n })).rejects.toMatchObject({
      ...reason("REVISION_STALE"),
      message: expect.stringContaining("there is none"),
    });
    expect(await get("outline", module)).toMatchObject({ text: "second", revision: 2n });
    await expect(get("new", module)).rejects.toMatchObject(reason("NOTE_NOT_FOUND"));
  });

  test("N6: a note that was deleted or has expired, and was written anew, is told from the one that was read", async () => {
    const module = await freshModule();
    const first = await put({ module });
    await remove("outline", module);
    const second = await put({ module });
    await expire(module);
    const third = await put({ module });
    expect([second.revision > first.revision, third.revision > second.revision]).toEqual([true, true]);
    await expect(put({ module }, { revision: first.revision })).rejects.toMatchObject(reason("REVISION_STALE"));
    await expect(put({ module }, { revision: second.revision })).rejects.toMatchObject(reason("REVISION_STALE"));
  });

  test("only if there is none: of fifty at once one is first", async () => {
    const module = await freshModule();
    const callers = Array.from({ length: 50 }, (_, n) =>
      put({ module, text: `of ${n}` }, { onlyIfAbsent: true }, `caller-${n}`),
    );
    const answers = await Promise.allSettled(callers);
    const refused = answers
      .filter(({ status }) => status === "rejected")
      .map((each) => (each as { reason: unknown }).reason);
    expect(refused).toHaveLength(49);
    for (const error of refused) {
      expect(error).toMatchObject({ ...reason("REVISION_STALE"), fields: [{ field: "only_if_absent" }] });
    }
    await expire(module);
    await put({ module, text: "free again" }, { onlyIfAbsent: true });
  });

  test("N1: of fifty that read one revision one writes", async () => {
    const module = await freshModule();
    const { revision } = await put({ module });
    const answers = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => put({ module, text: `${n}` }, { revision })),
    );
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

describe("N3: an expired note is gone on every path, though nobody has cleaned up", () => {
  test("it is not read, listed, counted, touched or deleted, and its revision is nobody's", async () => {
    const module = await freshModule();
    const { revision, createdAt } = await put({ module, text: "old" });
    await expire(module);
    expect((await stored(module)).rows).toBe(1);
    const gone = reason("NOTE_NOT_FOUND");
    await expect(get("outline", module)).rejects.toMatchObject(gone);
    await expect(touch("outline", 1000, module)).rejects.toMatchObject(gone);
    await expect(remove("outline", module)).rejects.toMatchObject(gone);
    expect(await list({ module })).toEqual({ notes: [], nextPageToken: "" });
    const counted = await stats(module);
    expect(counted).toMatchObject({ notes: 0n, bytes: 0n });
    expect(counted.nextExpiresAt).toBeUndefined();
    await expect(put({ module }, { revision })).rejects.toMatchObject({
      message: expect.stringContaining("there is none"),
    });
    const anew = await put({ module });
    expect(timestampMs(anew.createdAt!)).toBeGreaterThan(timestampMs(createdAt!));
    expect(anew.createdAt).toEqual(anew.updatedAt);
  });

  test("it goes by the database's clock alone, at its moment", async () => {
    const module = await freshModule();
    await put({ module, ttl: durationFromMs(40) });
    expect(await get("outline", module)).toMatchObject({ text: "three acts" });
    await given.client.query("select pg_sleep(0.05)");
    await expect(get("outline", module)).rejects.toMatchObject(reason("NOTE_NOT_FOUND"));
  });

  test("it takes no room: a module full of expired ones takes as many again", async () => {
    const module = await freshModule({ scratchNotesMax: 3n, scratchBytesMax: 60n });
    for (const key of ["a", "b", "c"]) await put({ module, key, text: "x".repeat(19) });
    await expect(put({ module, key: "d", text: "" })).rejects.toMatchObject(reason("QUOTA_EXCEEDED"));
    await expire(module);
    for (const key of ["d", "e", "a"]) await put({ module, key, text: "y".repeat(19) });
    expect(keysOf(await list({ module }))).toEqual(["a", "d", "e"]);
    expect(await stored(module)).toEqual({ rows: 3, notes: 3, bytes: 60, size: 60 });
  });
});

describe("bounds", () => {
  test("notes: the one too many is refused by the bound's name; what is there can be overwritten", async () => {
    const module = await freshModule({ scratchNotesMax: 2n });
    for (const key of ["a", "b"]) await put({ module, key });
    await expect(put({ module, key: "c" })).rejects.toMatchObject({
      ...reason("QUOTA_EXCEEDED"),
      message: expect.stringContaining("2 notes (scratch_notes_max)"),
      resource: { type: "module", name: module },
    });
    await put({ module, key: "a", text: "overwritten" });
    await remove("b", module);
    await put({ module, key: "c" });
    expect(keysOf(await list({ module }))).toEqual(["a", "c"]);
  });

  test("bytes: key, text and value count; one that shrinks fits even where the bound was lowered", async () => {
    const module = await freshModule({ scratchBytesMax: 100n });
    await put({ module, key: "a", text: "x".repeat(49) });
    await put({ module, key: "b", text: "x".repeat(40), value: { a: 12 } });
    expect(await stats(module)).toMatchObject({ notes: 2n, bytes: 100n, bytesMax: 100n, notesMax: 10_000n });
    const exceeded = { ...reason("QUOTA_EXCEEDED"), message: expect.stringContaining("(scratch_bytes_max)") };
    await expect(put({ module, key: "b", text: "x".repeat(50) })).rejects.toMatchObject(exceeded);
    await expect(put({ module, key: "c", text: "" })).rejects.toMatchObject(exceeded);
    await given.client.query("update mem0_cc.module set scratch_bytes_max = 10 where name = $1", [module]);
    await put({ module, key: "a", text: "x".repeat(48) });
    await expect(put({ module, key: "a", text: "x".repeat(49) })).rejects.toMatchObject(exceeded);
    expect((await stats(module)).bytes).toBe(99n);
  });

  test("hold however many write at once, and what is counted is what is stored", async () => {
    const module = await freshModule({ scratchNotesMax: 20n });
    const answers = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => put({ module, key: `k${n % 40}` })));
    expect(answers.some(({ status }) => status === "rejected")).toBe(true);
    const { rows, notes, bytes, size } = await stored(module);
    expect([rows, notes, bytes]).toEqual([20, 20, size]);
    await Promise.all(keysOf(await list({ module })).map((key) => remove(key, module)));
    expect(await stored(module)).toEqual({ rows: 0, notes: 0, bytes: 0, size: 0 });
  });
});

describe("lists", () => {
  test("are by the bytes of the keys, in pages, and begin as asked", async () => {
    const module = await freshModule();
    const keys = ["Z", "a", "a%b", "a_b", "ab", "b/1", "b/10", "b/2", "ä", "\u{1f3ad}"];
    for (const key of keys.toReversed()) await put({ module, key });
    const found: string[] = [];
    let pageToken = "";
    do {
      const page = await list({ module, pageSize: 3, pageToken });
      expect(page.notes.length).toBeLessThanOrEqual(3);
      found.push(...keysOf(page));
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== "");
    expect(found).toEqual(keys);
    expect(keysOf(await list({ module, prefix: "a" }))).toEqual(["a", "a%b", "a_b", "ab"]);
    expect(keysOf(await list({ module, prefix: "a%" }))).toEqual(["a%b"]);
    expect(keysOf(await list({ module, prefix: "b/1" }))).toEqual(["b/1", "b/10"]);
    expect(keysOf(await list({ module, prefix: "nothing" }))).toEqual([]);
  });

  test("tell what notes say only if asked, and then end at 2 MiB with one note at least", async () => {
    const module = await freshModule();
    const text = "x".repeat(250_000);
    for (let n = 0; n < 10; n += 1) await put({ module, key: `k${n}`, text });
    const basic = await list({ module });
    expect(basic.notes.map((note) => note.text)).toEqual(Array.from({ length: 10 }, () => ""));
    expect(basic.notes[0]?.size).toBe(250_002n);
    const first = await list({ module, view: NoteView.FULL });
    expect(first.notes).toHaveLength(8);
    expect(first.notes[0]?.text).toBe(text);
    const rest = await list({ module, view: NoteView.FULL, pageToken: first.nextPageToken });
    expect(keysOf(rest)).toEqual(["k8", "k9"]);
  });

  test("a token of another list, or made up, is refused", async () => {
    const module = await freshModule();
    for (const key of ["a", "b"]) await put({ module, key });
    const { nextPageToken } = await list({ module, pageSize: 1 });
    const invalid = reason("PAGE_TOKEN_INVALID");
    await expect(list({ module, prefix: "a", pageToken: nextPageToken })).rejects.toMatchObject(invalid);
    await expect(list({ module, pageToken: "garbage" })).rejects.toMatchObject(invalid);
  });

  test("a prefix is a range of the key's index", async () => {
    const { rows } = await given.client.query(
      `explain select n.key from mem0_cc.note n where n.module = 'cc' and n.key ^@ 'b/' order by n.key limit 51`,
    );
    const plan = rows.map((row: Record<string, string>) => row["QUERY PLAN"]).join("\n");
    expect(plan).toMatch(/Index Cond: .*key >= 'b\/'::text.* AND \(key < 'b0'::text\)/);
  });
});

describe("who may", () => {
  test("what is not to be seen is not there, in the words of what is not; writing needs RECORD", async () => {
    const module = await freshModule();
    await put({ module });
    const [outside, reader] = [scopeOf(["cc"]), scopeOf([module], [])];
    const missing = (name: string) => ({
      ...reason("MODULE_NOT_FOUND"),
      message: `there is no module "${name}"`,
      resource: { type: "module", name },
    });
    for (const name of [module, "nowhere"]) {
      await expect(get("outline", name, NoteView.UNSPECIFIED, outside)).rejects.toMatchObject(missing(name));
      await expect(list({ module: name }, outside)).rejects.toMatchObject(missing(name));
      await expect(stats(name, outside)).rejects.toMatchObject(missing(name));
      await expect(remove("outline", name, 0n, outside)).rejects.toMatchObject(missing(name));
      await expect(touch("outline", 1000, name, 0n, outside)).rejects.toMatchObject(missing(name));
      const note = someNote({ module: name });
      await expect(given.store.scratch.putNote(outside, note)).rejects.toMatchObject(missing(name));
    }
    for (const call of [put({ module: "nowhere" }), touch("x", 1000, "nowhere"), remove("x", "nowhere")]) {
      await expect(call).rejects.toMatchObject(missing("nowhere"));
    }
    expect((await stats(module, reader)).notes).toBe(1n);
    const refused = reason("RIGHT_MISSING");
    await expect(given.store.scratch.putNote(reader, someNote({ module }))).rejects.toMatchObject(refused);
    await expect(remove("outline", module, 0n, reader)).rejects.toMatchObject(refused);
    await expect(touch("outline", 1000, module, 0n, reader)).rejects.toMatchObject(refused);
  });

  test("N2: a retired module takes no note; those it has are read, deleted, and expire", async () => {
    const module = await freshModule();
    for (const key of ["a", "b"]) await put({ module, key });
    const retire = { name: module, revision: 0n };
    await given.store.setModuleState("retired", retire, someCall());
    const retired = { ...reason("MODULE_RETIRED"), resource: { type: "module", name: module } };
    await expect(put({ module })).rejects.toMatchObject({ ...retired, fields: [{ field: "note.module" }] });
    await expect(touch("a", 1000, module)).rejects.toMatchObject({ ...retired, fields: [{ field: "module" }] });
    expect(keysOf(await list({ module }))).toEqual(["a", "b"]);
    await remove("a", module);
    await expire(module);
    expect((await stats(module)).notes).toBe(0n);
    await given.store.setModuleState("active", retire, someCall());
    await put({ module });
  });

  test("an abandoned call ends with its caller's reason", async () => {
    const gone = new Error("gone");
    const note = someNote();
    await expect(given.store.scratch.putNote(everything, note, AbortSignal.abort(gone))).rejects.toBe(gone);
  });
});

describe("cleaning up", () => {
  test("N7: takes away what has expired and nothing else, in batches, of one module at a time", async () => {
    await expire("cc");
    const [busy, idle] = [await freshModule(), await freshModule()];
    await given.client.query(
      `insert into mem0_cc.note (module, key, text, size, created_at, updated_at, expires_at, revision, written_by)
       select $1, n::text, 'x', 10, now(), now(), clock_timestamp() - interval '1 second', n, 'x' from generate_series(1, 1200) n`,
      [busy],
    );
    await given.client.query("insert into mem0_cc.scratch (module, notes, bytes) values ($1, 1200, 12000)", [busy]);
    await put({ module: busy, key: "living" });
    await put({ module: idle });
    const { scratch } = given.store;
    const batches: number[] = [];
    for (let cleaned = await scratch.clean(); cleaned > 0; cleaned = await scratch.clean()) batches.push(cleaned);
    expect(batches.filter((count) => count === 500)).toHaveLength(2);
    expect(Math.max(...batches)).toBe(500);
    expect(await stored(busy)).toMatchObject({ rows: 1, notes: 1 });
    expect((await stored(busy)).bytes).toBe((await stored(busy)).size);
    expect((await stats(idle)).notes).toBe(1n);
  });

  test("N7: one process at a time; the others find nothing to do", async () => {
    const module = await freshModule();
    await put({ module });
    await expire(module);
    await given.client.query("begin");
    await given.client.query("select pg_advisory_xact_lock(hashtextextended('cos clean notes', 0))");
    expect(await given.store.scratch.clean()).toBe(0);
    await given.client.query("commit");
    expect(await given.store.scratch.clean()).toBe(1);
  });

  test("ten thousand that expire within a second are gone at once, and whoever writes meanwhile is answered", async () => {
    const module = await freshModule();
    await given.client.query(
      `insert into mem0_cc.note (module, key, text, size, created_at, updated_at, expires_at, revision, written_by)
       select $1, n::text, 'x', 10, now(), now(), clock_timestamp() - n * interval '0.1 millisecond', n, 'x'
       from generate_series(1, 10000) n`,
      [module],
    );
    await given.client.query("insert into mem0_cc.scratch (module, notes, bytes) values ($1, 10000, 100000)", [module]);
    expect(await stats(module)).toMatchObject({ notes: 0n, bytes: 0n });
    let cleaning = true;
    const cleaned = (async () => {
      let all = 0;
      for (let some = await given.store.scratch.clean(); some > 0; some = await given.store.scratch.clean())
        all += some;
      cleaning = false;
      return all;
    })();
    let written = 0;
    while (cleaning) {
      await put({ module, key: `fresh ${written % 50}` });
      written += 1;
    }
    await cleaned;
    expect(await stats(module)).toMatchObject({ notes: BigInt(Math.min(written, 50)) });
    const { rows, notes, bytes, size } = await stored(module);
    expect([rows, bytes]).toEqual([notes, size]);
    expect(rows).toBe(Math.min(written, 50));
  });
});
