import type { Note } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { AcceptedNote } from "../../domain/accept-note.ts";
import { type NoteRefusal, noteFault, requireRecordable } from "./note-faults.ts";
import { basicNote, type NoteFigures } from "./note-rows.ts";
import { scratchDefaults } from "./scratch-defaults.ts";
import type { Database } from "./scratch-store.ts";

const statement = {
  name: "put note",
  text: `select outcome, revision, bound, size, created_us, updated_us, expires_us
         from mem0_cc.put_note($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
};

type Answer = NoteRefusal | ({ readonly outcome: "written" } & Omit<NoteFigures, "written_by">);

/**
 * Writes a note; answers with it as it is, without what it says. Rejects with REVISION_STALE, QUOTA_EXCEEDED, INVALID_FIELD for a `ttl`
 * that is too long for the module, MODULE_RETIRED, or as `queryAbortably`.
 */
export async function putNote(
  postgres: Database,
  scope: Scope,
  note: AcceptedNote,
  signal?: AbortSignal,
): Promise<Note> {
  const { module, key, text, value, ttlMs, revision, onlyIfAbsent, writtenBy } = note;
  const place = { module, key, path: "note." } as const;
  requireRecordable(scope, place);
  const json = value === undefined ? null : JSON.stringify(value);
  const values = [module, key, text, json, ttlMs, String(revision), onlyIfAbsent, writtenBy, scratchDefaults];
  const [answer] = await queryAbortably<Answer>(postgres, { ...statement, values, signal });
  if (answer?.outcome !== "written") throw noteFault(answer!, place);
  return basicNote(module, key, { ...answer, written_by: writtenBy });
}
