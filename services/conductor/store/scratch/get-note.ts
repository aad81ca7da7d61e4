import { type GetNoteRequest, type Note, NoteView } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../../domain/accept-memory.ts";
import { requireModule } from "../require-module.ts";
import { scopeParameter } from "../visibility.ts";
import { noteNotFound } from "./note-faults.ts";
import { isAlive, type NoteRow, noteColumns, noteOf } from "./note-rows.ts";
import type { Database } from "./scratch-store.ts";

/** Prepared once a connection, one for each view. */
const statementOf = (view: NoteView) => ({
  name: `get note ${view}`,
  text: `select ${noteColumns(view)} from mem0_cc.note n
         where n.module = $1 and n.key = $2 and ${isAlive} and ($3::text[] is null or n.module = any($3))`,
});
const [whole, basic] = [statementOf(NoteView.FULL), statementOf(NoteView.BASIC)];

/** One note. Rejects with NOTE_NOT_FOUND, MODULE_NOT_FOUND, or as `queryAbortably`. */
export async function getNote(
  postgres: Database,
  scope: Scope,
  request: GetNoteRequest,
  signal?: AbortSignal,
): Promise<Note> {
  const { key, view } = request;
  const module = request.module === "" ? defaultModule : request.module;
  const statement = view === NoteView.BASIC ? basic : whole;
  const values = [module, key, scopeParameter(scope)];
  const [row] = await queryAbortably<NoteRow>(postgres, { ...statement, values, signal });
  if (row !== undefined) return noteOf(row);
  await requireModule(postgres, scope, module, signal);
  throw noteNotFound({ module, key });
}
