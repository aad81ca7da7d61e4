// Scratch notes of a store of the test file's own.
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll } from "@jest/globals";
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
import { localScope } from "#shared/auth/scope.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";
import { someNote } from "./some-note.ts";

type PutArguments = Parameters<typeof someNote>;

export const everything = localScope();

/** Opens the store before the tests of the file, and closes it after them. */
export function useNotes() {
  let given: TestStore;
  beforeAll(async () => {
    given = await openTestStore();
  });
  afterAll(() => given.close());
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
  return { given: () => given, put, get, list, remove, touch, stats, expire, stored, freshModule };
}

export const livesMs = ({ expiresAt, updatedAt }: Note): number => timestampMs(expiresAt!) - timestampMs(updatedAt!);
export const keysOf = ({ notes }: { notes: Note[] }): string[] => notes.map(({ key }) => key);
export const reason = (name: keyof typeof ErrorReason) => ({ reason: ErrorReason[name] });
