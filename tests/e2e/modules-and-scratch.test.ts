import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Client as Postgres } from "pg";
import { SubscribeRequestSchema, type SubscribeResponse } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { RegisterModuleRequestSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import {
  DeleteNoteRequestSchema,
  GetNoteRequestSchema,
  ListNotesRequestSchema,
  PutNoteRequestSchema,
  TouchNoteRequestSchema,
} from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { type Mesh, type MeshClient, openMesh } from "#tests/support/mesh.ts";
import { listen } from "#tests/support/mesh-listener.ts";
import { type Refusal, sendOverConnect, sendOverGrpc } from "#tests/support/mesh-refusal.ts";
import { eventually } from "#tests/support/mesh-wait.ts";

jest.setTimeout(60_000);

const SCRATCH = "cos.conductor.v1.ScratchService";
const MODULES = "cos.conductor.v1.ModuleService";

let mesh: Mesh;
let client: MeshClient;
beforeAll(async () => {
  mesh = await openMesh();
  client = mesh.client();
});
afterAll(() => mesh.stop());

const invalid = (...fields: string[]): Refusal => ({ code: "InvalidArgument", reason: "INVALID_FIELD", fields });
const missing = (field: string): Refusal => ({ code: "NotFound", reason: "MODULE_NOT_FOUND", fields: [field] });

/** The answers to a request over gRPC, as a message, and over Connect, as JSON. */
async function overBoth<Desc extends DescMessage>(
  method: string,
  desc: Desc,
  request: MessageInitShape<Desc>,
  json: object,
): Promise<Refusal[]> {
  return Promise.all([
    sendOverGrpc(mesh, method, toBinary(desc, create(desc, request))),
    sendOverConnect(mesh, method, JSON.stringify(json)),
  ]);
}

interface Row {
  readonly given: string;
  readonly note: Exclude<NonNullable<MessageInitShape<typeof PutNoteRequestSchema>["note"]>, { $typeName: string }>;
  readonly json?: object;
  readonly answer: Refusal;
}

const GOOD = { key: "outline", text: "three acts" };

const ROWS: readonly Row[] = [
  { given: "no key", note: { text: "x" }, answer: invalid("note.key") },
  { given: "a key of 201 characters", note: { ...GOOD, key: "k".repeat(201) }, answer: invalid("note.key") },
  { given: "a NUL in the key", note: { ...GOOD, key: "a\0b" }, answer: invalid("note.key") },
  { given: "a text over 256 KiB", note: { ...GOOD, text: "ä".repeat(131_073) }, answer: invalid("note.text") },
  { given: "a NUL in the text", note: { ...GOOD, text: "a\0b" }, answer: invalid("note.text") },
  {
    given: "a value over 64 KiB",
    note: { ...GOOD, value: { a: "x".repeat(64 * 1024) } },
    answer: invalid("note.value"),
  },
  { given: "a NUL in the value", note: { ...GOOD, value: { a: ["\0"] } }, answer: invalid("note.value.a[0]") },
  {
    given: "no time to live",
    note: { ...GOOD, ttl: { seconds: 0n } },
    json: { ...GOOD, ttl: "0s" },
    answer: invalid("note.ttl"),
  },
  {
    given: "a negative time to live",
    note: { ...GOOD, ttl: { seconds: -5n } },
    json: { ...GOOD, ttl: "-5s" },
    answer: invalid("note.ttl"),
  },
  {
    given: "longer than the module lets notes live",
    note: { ...GOOD, ttl: { seconds: 2_592_001n } },
    json: { ...GOOD, ttl: "2592001s" },
    answer: invalid("note.ttl"),
  },
  { given: "a module that is none", note: { ...GOOD, module: "No Module" }, answer: invalid("note.module") },
  { given: "a module that is not there", note: { ...GOOD, module: "nobody" }, answer: missing("note.module") },
];

describe("a note at fault is refused by its field, and nothing is written", () => {
  test.each(ROWS)("$given", async ({ note, json = note, answer }) => {
    const answers = await overBoth(`${SCRATCH}/PutNote`, PutNoteRequestSchema, { note }, { note: json });
    expect(answers).toEqual([answer, answer]);
    expect((await client.scratch.getScratchStats({})).notes).toBe(0n);
  });

  test("half a surrogate pair, which JSON alone can spell", async () => {
    const body = (note: string) => sendOverConnect(mesh, `${SCRATCH}/PutNote`, `{"note":${note}}`);
    await expect(body('{"key":"a\\ud800","text":"x"}')).resolves.toEqual(invalid("note.key"));
    await expect(body('{"key":"a","text":"\\udc00"}')).resolves.toEqual(invalid("note.text"));
    const get = sendOverConnect(mesh, `${SCRATCH}/GetNote`, '{"key":"a\\ud800"}');
    await expect(get).resolves.toEqual(invalid("key"));
  });

  test("a revision together with `only_if_absent`", async () => {
    const request = { note: GOOD, revision: 1n, onlyIfAbsent: true };
    const json = { ...request, revision: "1" };
    const answer = invalid("only_if_absent");
    const answers = await overBoth(`${SCRATCH}/PutNote`, PutNoteRequestSchema, request, json);
    expect(answers).toEqual([answer, answer]);
  });

  test("what reads, touches and deletes names its field too", async () => {
    const answers = await Promise.all([
      overBoth(`${SCRATCH}/GetNote`, GetNoteRequestSchema, {}, {}),
      overBoth(`${SCRATCH}/DeleteNote`, DeleteNoteRequestSchema, { key: "" }, { key: "" }),
      overBoth(`${SCRATCH}/TouchNote`, TouchNoteRequestSchema, { key: "" }, { key: "" }),
      overBoth(`${SCRATCH}/ListNotes`, ListNotesRequestSchema, { pageSize: -1 }, { pageSize: -1 }),
      overBoth(`${SCRATCH}/ListNotes`, ListNotesRequestSchema, { prefix: "\0" }, { prefix: "\0" }),
    ]);
    const fields = ["key", "key", "key", "page_size", "prefix"];
    expect(answers).toEqual(fields.map((field) => [invalid(field), invalid(field)]));
    const garbage = { code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID", fields: ["page_token"] };
    const listed = await overBoth(
      `${SCRATCH}/ListNotes`,
      ListNotesRequestSchema,
      { pageToken: "garbage" },
      { pageToken: "garbage" },
    );
    expect(listed).toEqual([garbage, garbage]);
  });

  test("settings of a module", async () => {
    const refusalOf = (settings: object, json: object = settings) => {
      const module = { name: "never_there", ...settings };
      return overBoth(
        `${MODULES}/RegisterModule`,
        RegisterModuleRequestSchema,
        { module },
        { module: { ...module, ...json } },
      );
    };
    const twice = (...fields: string[]) => [invalid(...fields), invalid(...fields)];
    expect(await refusalOf({ language: "klingon" })).toEqual(twice("module.language"));
    expect(await refusalOf({ scratchNotesMax: -1n }, { scratchNotesMax: "-1" })).toEqual(
      twice("module.scratch_notes_max"),
    );
    const ttl = { scratchTtl: { seconds: 7200n }, scratchTtlMax: { seconds: 3600n } };
    const json = { scratchTtl: "7200s", scratchTtlMax: "3600s" };
    expect(await refusalOf(ttl, json)).toEqual(twice("module.scratch_ttl"));
    await expect(client.modules.getModule({ name: "never_there" })).rejects.toThrow("there is no module");
  });
});

describe("a module that is registered now", () => {
  test("is on running streams of all modules, on its own conductor and on another one", async () => {
    const other = mesh.client((await mesh.replica()).address);
    const request = create(SubscribeRequestSchema, { allModules: true });
    const listeners = [listen(client, request), listen(other, request)];
    await eventually(() => listeners.every(({ states }) => states.length > 0));
    await client.modules.registerModule({ module: { name: "just_now" } });
    const memory = { module: "just_now", eventType: "note", source: "me", text: "the first" };
    await other.conductor.recordMemory({ memory });
    for (const listener of listeners) await listener.reaches(1, "just_now");
    for (const listener of listeners) await listener.close();
  });

  test("is named by a running stream before anything is recorded in it", async () => {
    const leaving = new AbortController();
    const frames = client.conductor.subscribe({ allModules: true }, { signal: leaving.signal });
    const iterator = frames[Symbol.asyncIterator]();
    await iterator.next();
    await client.modules.registerModule({ module: { name: "empty_yet" } });
    for (;;) {
      const { value } = await iterator.next();
      const frame = (value as SubscribeResponse).frame;
      if (frame.case !== "checkpoint") continue;
      if (frame.value.progress.some(({ cursor }) => cursor?.module === "empty_yet")) break;
    }
    leaving.abort();
  });
});

describe("expired notes", () => {
  test("are cleaned away in the background by conductors that race for it, and callers are answered meanwhile", async () => {
    const database = new Postgres({ connectionString: mesh.postgresUrl });
    await database.connect();
    await client.scratch.putNote({ note: { key: "stays", text: "x" } });
    await database.query(
      `insert into mem0_cc.note (module, key, text, size, created_at, updated_at, expires_at, revision, written_by)
       select 'cc', 'x' || n, 'x', 10, now(), now(), clock_timestamp() - interval '1 second', n, 'x'
       from generate_series(1, 10000) n`,
    );
    await database.query(
      "update mem0_cc.scratch set notes = notes + 10000, bytes = bytes + 100000 where module = 'cc'",
    );
    expect((await client.scratch.listNotes({})).notes.map(({ key }) => key)).toEqual(["stays"]);
    const left = async (): Promise<number> => {
      await client.scratch.putNote({ note: { key: "stays", text: "x" } });
      const { rows } = await database.query("select count(*)::int as count from mem0_cc.note");
      return rows[0].count;
    };
    for (let count = await left(); count > 1; count = await left());
    const { rows } = await database.query("select notes::int, bytes::int from mem0_cc.scratch where module = 'cc'");
    expect(rows).toEqual([{ notes: 1, bytes: 6 }]);
    await database.end();
  });
});
