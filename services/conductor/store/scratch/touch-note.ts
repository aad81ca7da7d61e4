import type { Note, TouchNoteRequest } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../../domain/accept-memory.ts";
import { durationMs } from "../../domain/duration-ms.ts";
import { type NoteRefusal, noteFault, requireRecordable } from "./note-faults.ts";
import { basicNote, type NoteFigures } from "./note-rows.ts";
import { scratchDefaults } from "./scratch-defaults.ts";
import type { Database } from "./scratch-store.ts";

const statement = {
  name: "touch note",
  text: `select outcome, revision, bound, size, created_us, updated_us, expires_us, written_by
         from mem0_cc.touch_note($1, $2, $3, $4, $5)`,
};

type Answer = NoteRefusal | ({ readonly outcome: "touched" } & NoteFigures);

/** Gives a note another time to live. Rejects with NOTE_NOT_FOUND, and as `putNote`. */
export async function touchNote(
  postgres: Database,
  scope: Scope,
  request: TouchNoteRequest,
  signal?: AbortSignal,
): Promise<Note> {
  const { key, ttl, revision } = request;
  const module = request.module === "" ? defaultModule : request.module;
  const place = { module, key, path: "" } as const;
  requireRecordable(scope, place);
  const values = [module, key, durationMs(ttl), String(revision), scratchDefaults];
  const [answer] = await queryAbortably<Answer>(postgres, { ...statement, values, signal });
  if (answer?.outcome !== "touched") throw noteFault(answer!, place);
  return basicNote(module, key, answer);
}
