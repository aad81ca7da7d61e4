import type { DeleteNoteRequest } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../../domain/accept-memory.ts";
import { requireModule } from "../require-module.ts";
import { type NoteRefusal, noteFault, requireRecordable } from "./note-faults.ts";
import type { Database } from "./scratch-store.ts";

const statement = { name: "delete note", text: "select outcome, revision from mem0_cc.delete_note($1, $2, $3)" };

type Answer = NoteRefusal | { readonly outcome: "deleted" };

/** Deletes a note, of a retired module too. Rejects with NOTE_NOT_FOUND, MODULE_NOT_FOUND, REVISION_STALE, or as `queryAbortably`. */
export async function deleteNote(
  postgres: Database,
  scope: Scope,
  request: DeleteNoteRequest,
  signal?: AbortSignal,
): Promise<void> {
  const { key, revision } = request;
  const module = request.module === "" ? defaultModule : request.module;
  const place = { module, key, path: "" } as const;
  requireRecordable(scope, place);
  const values = [module, key, String(revision)];
  const [answer] = await queryAbortably<Answer>(postgres, { ...statement, values, signal });
  if (answer?.outcome === "deleted") return;
  if (answer?.outcome === "note_unknown") await requireModule(postgres, scope, module, signal);
  throw noteFault(answer!, place);
}
