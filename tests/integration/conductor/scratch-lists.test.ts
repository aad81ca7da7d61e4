import { describe, expect, test } from "@jest/globals";
import { NoteView } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { scopeOf } from "#shared/auth/scope.ts";
import { someCall } from "./some-forgetting.ts";
import { someNote } from "./some-note.ts";
import { everything, keysOf, reason, useNotes } from "./use-notes.ts";

const { given, put, get, list, remove, touch, stats, expire, stored, freshModule } = useNotes();

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
    const { rows } = await given().client.query(
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
      await expect(given().store.scratch.putNote(outside, note)).rejects.toMatchObject(missing(name));
    }
    for (const call of [put({ module: "nowhere" }), touch("x", 1000, "nowhere"), remove("x", "nowhere")]) {
      await expect(call).rejects.toMatchObject(missing("nowhere"));
    }
    expect((await stats(module, reader)).notes).toBe(1n);
    const refused = reason("RIGHT_MISSING");
    await expect(given().store.scratch.putNote(reader, someNote({ module }))).rejects.toMatchObject(refused);
    await expect(remove("outline", module, 0n, reader)).rejects.toMatchObject(refused);
    await expect(touch("outline", 1000, module, 0n, reader)).rejects.toMatchObject(refused);
  });

  test("N2: a retired module takes no note; those it has are read, deleted, and expire", async () => {
    const module = await freshModule();
    for (const key of ["a", "b"]) await put({ module, key });
    const retire = { name: module, revision: 0n };
    await given().store.setModuleState("retired", retire, someCall());
    const retired = { ...reason("MODULE_RETIRED"), resource: { type: "module", name: module } };
    await expect(put({ module })).rejects.toMatchObject({ ...retired, fields: [{ field: "note.module" }] });
    await expect(touch("a", 1000, module)).rejects.toMatchObject({ ...retired, fields: [{ field: "module" }] });
    expect(keysOf(await list({ module }))).toEqual(["a", "b"]);
    await remove("a", module);
    await expire(module);
    expect((await stats(module)).notes).toBe(0n);
    await given().store.setModuleState("active", retire, someCall());
    await put({ module });
  });

  test("an abandoned call ends with its caller's reason", async () => {
    const gone = new Error("gone");
    const note = someNote();
    await expect(given().store.scratch.putNote(everything, note, AbortSignal.abort(gone))).rejects.toBe(gone);
  });
});

describe("cleaning up", () => {
  test("N7: takes away what has expired and nothing else, in batches, of one module at a time", async () => {
    await expire("cc");
    const [busy, idle] = [await freshModule(), await freshModule()];
    await given().client.query(
      `insert into mem0_cc.note (module, key, text, size, created_at, updated_at, expires_at, revision, written_by)
       select $1, n::text, 'x', 10, now(), now(), clock_timestamp() - interval '1 second', n, 'x' from generate_series(1, 1200) n`,
      [busy],
    );
    await given().client.query("insert into mem0_cc.scratch (module, notes, bytes) values ($1, 1200, 12000)", [busy]);
    await put({ module: busy, key: "living" });
    await put({ module: idle });
    const { scratch } = given().store;
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
    await given().client.query("begin");
    await given().client.query("select pg_advisory_xact_lock(hashtextextended('cos clean notes', 0))");
    expect(await given().store.scratch.clean()).toBe(0);
    await given().client.query("commit");
    expect(await given().store.scratch.clean()).toBe(1);
  });

  test("ten thousand that expire within a second are gone at once, and whoever writes meanwhile is answered", async () => {
    const module = await freshModule();
    await given().client.query(
      `insert into mem0_cc.note (module, key, text, size, created_at, updated_at, expires_at, revision, written_by)
       select $1, n::text, 'x', 10, now(), now(), clock_timestamp() - n * interval '0.1 millisecond', n, 'x'
       from generate_series(1, 10000) n`,
      [module],
    );
    await given().client.query("insert into mem0_cc.scratch (module, notes, bytes) values ($1, 10000, 100000)", [
      module,
    ]);
    expect(await stats(module)).toMatchObject({ notes: 0n, bytes: 0n });
    let cleaning = true;
    const cleaned = (async () => {
      let all = 0;
      for (let some = await given().store.scratch.clean(); some > 0; some = await given().store.scratch.clean())
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
