import type {
  DeleteNoteRequest,
  GetNoteRequest,
  GetScratchStatsRequest,
  GetScratchStatsResponse,
  ListNotesRequest,
  Note,
  TouchNoteRequest,
} from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import type { AcceptedNote } from "../../domain/accept-note.ts";
import { cleanNotes } from "./clean-notes.ts";
import { deleteNote } from "./delete-note.ts";
import { getNote } from "./get-note.ts";
import { listNotes, type NotePage } from "./list-notes.ts";
import { putNote } from "./put-note.ts";
import { scratchStats } from "./scratch-stats.ts";
import { touchNote } from "./touch-note.ts";

export type Database = Pick<Postgres, "pool" | "cancelBackend">;

/** Scratch notes. An expired note is gone for each of these, at once, by the clock of the database. */
export interface ScratchStore {
  putNote(scope: Scope, note: AcceptedNote, signal?: AbortSignal): Promise<Note>;
  getNote(scope: Scope, request: GetNoteRequest, signal?: AbortSignal): Promise<Note>;
  listNotes(scope: Scope, request: ListNotesRequest, signal?: AbortSignal): Promise<NotePage>;
  touchNote(scope: Scope, request: TouchNoteRequest, signal?: AbortSignal): Promise<Note>;
  deleteNote(scope: Scope, request: DeleteNoteRequest, signal?: AbortSignal): Promise<void>;
  stats(scope: Scope, request: GetScratchStatsRequest, signal?: AbortSignal): Promise<GetScratchStatsResponse>;
  /** Cleans away a batch of what has expired; answers with how many notes. */
  clean(): Promise<number>;
}

/** Each call is one statement, prepared where it is hot, and none goes through the ORM: ARCHITECTURE says what that saves. */
export function scratchStore(postgres: Database): ScratchStore {
  return {
    putNote: (...call) => putNote(postgres, ...call),
    getNote: (...call) => getNote(postgres, ...call),
    listNotes: (...call) => listNotes(postgres, ...call),
    touchNote: (...call) => touchNote(postgres, ...call),
    deleteNote: (...call) => deleteNote(postgres, ...call),
    stats: (...call) => scratchStats(postgres, ...call),
    clean: () => cleanNotes(postgres),
  };
}
