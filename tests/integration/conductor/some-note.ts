import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { NoteSchema, type PutNoteRequest, PutNoteRequestSchema } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { type AcceptedNote, acceptNote } from "#services/conductor/domain/accept-note.ts";

type NoteInit = Exclude<MessageInitShape<typeof NoteSchema>, { $typeName: string }>;

/** A short note as it is to be written, with whatever the test cares about. */
export function someNote(
  note: NoteInit = {},
  options: Partial<Pick<PutNoteRequest, "revision" | "onlyIfAbsent">> = {},
  writtenBy = "editor",
): AcceptedNote {
  const given = create(NoteSchema, { key: "outline", text: "three acts", ...note });
  return acceptNote(create(PutNoteRequestSchema, { note: given, ...options }), writtenBy);
}
