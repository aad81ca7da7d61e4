import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { moduleNotFound, rightMissingIn } from "#shared/auth/refusals.ts";
import { mayRead, mayRecord, type Scope } from "#shared/auth/scope.ts";
import { CosError, invalidField } from "#shared/errors/cos-error.ts";
import { moduleRetired } from "../module-retired.ts";

/** Why a note was not written, as the functions of scratch.sql say it. */
export interface NoteRefusal {
  readonly outcome:
    | "revision_stale"
    | "note_exists"
    | "notes_exceeded"
    | "bytes_exceeded"
    | "ttl_too_long"
    | "note_unknown"
    | "module_unknown"
    | "module_retired";
  /** The revision that is there; null: no note is. */
  readonly revision?: string | null;
  readonly bound?: string | null;
}

/** Which note a call is about, and where in the request it says so: `note.` or nothing. */
export interface NotePlace {
  readonly module: string;
  readonly key: string;
  readonly path: "note." | "";
}

export function noteNotFound({ module, key }: Pick<NotePlace, "module" | "key">): CosError {
  return new CosError(ErrorReason.NOTE_NOT_FOUND, `there is no note "${key}" in module "${module}"`, {
    resource: { type: "note", name: `${module}/${key}` },
  });
}

/** A module in which the caller may not record is refused before it is looked up, in the words of record_batch's callers. */
export function requireRecordable(scope: Scope, { module, path }: NotePlace): void {
  if (mayRecord(scope, module)) return;
  throw mayRead(scope, module) ? rightMissingIn(Verb.RECORD, module) : unknownModule(module, path);
}

export function noteFault({ outcome, revision, bound }: NoteRefusal, place: NotePlace): CosError {
  const { module, path } = place;
  switch (outcome) {
    case "module_unknown":
      return unknownModule(module, path);
    case "module_retired":
      return moduleRetired(module, `${path}module`);
    case "note_unknown":
      return noteNotFound(place);
    case "note_exists":
      return stale(place, "only_if_absent", `must not be set: there is a note already, of revision ${revision}`);
    case "revision_stale":
      return stale(
        place,
        "revision",
        `must be that of the note as it is now${revision ? `: ${revision}` : ", and there is none"}`,
      );
    case "ttl_too_long":
      return invalidField(`${path}ttl`, `must be at most ${Number(bound) / 1000} s in module "${module}"`);
    case "notes_exceeded":
      return exceeded(module, `${bound} notes (scratch_notes_max)`);
    case "bytes_exceeded":
      return exceeded(module, `${bound} bytes of notes (scratch_bytes_max)`);
  }
}

function unknownModule(module: string, path: string): CosError {
  return moduleNotFound(module, [{ field: `${path}module`, description: "must be a registered module" }]);
}

function stale({ module, key }: NotePlace, field: string, description: string): CosError {
  return new CosError(ErrorReason.REVISION_STALE, `${field} ${description}; read note "${key}" again, decide again`, {
    resource: { type: "note", name: `${module}/${key}` },
    fields: [{ field, description }],
  });
}

function exceeded(module: string, bound: string): CosError {
  return new CosError(ErrorReason.QUOTA_EXCEEDED, `module "${module}" may hold ${bound}, and would hold more`, {
    resource: { type: "module", name: module },
  });
}
