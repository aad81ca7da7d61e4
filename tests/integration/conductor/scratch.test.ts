import { durationFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import { NoteView } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { keysOf, livesMs, reason, useNotes } from "./use-notes.ts";

const DAY_MS = 86_400_000;
const { given, put, get, list, remove, touch, stats, expire, stored, freshModule } = useNotes();

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
    await given().client.query("select pg_sleep(0.05)");
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
    await given().client.query("update mem0_cc.module set scratch_bytes_max = 10 where name = $1", [module]);
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
