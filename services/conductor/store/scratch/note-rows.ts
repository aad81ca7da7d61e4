import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Note, NoteSchema, NoteView } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { timestampOf } from "../memory-rows.ts";

/** The figures of a note: what the database sets. */
export interface NoteFigures {
  readonly size: number;
  readonly created_us: string;
  readonly updated_us: string;
  readonly expires_us: string;
  readonly revision: string;
  readonly written_by: string;
}

export interface NoteRow extends NoteFigures {
  readonly module: string;
  readonly key: string;
  readonly text: string;
  readonly value: JsonObject | null;
}

/** The columns of a NoteRow of `n`; without BASIC all that it says. */
export function noteColumns(view: NoteView): string {
  const content = view === NoteView.BASIC ? "'' as text, null as value" : "n.text, n.value";
  return `n.module, n.key, ${content}, n.size, n.revision, n.written_by,
    (extract(epoch from n.created_at) * 1000000)::bigint as created_us,
    (extract(epoch from n.updated_at) * 1000000)::bigint as updated_us,
    (extract(epoch from n.expires_at) * 1000000)::bigint as expires_us`;
}

export function noteOf(row: NoteRow): Note {
  const { module, key, text, value } = row;
  return create(NoteSchema, { module, key, text, ...(value && { value }), ...figuresOf(row) });
}

/** A note without what it says. */
export function basicNote(module: string, key: string, row: NoteFigures): Note {
  return create(NoteSchema, { module, key, ...figuresOf(row) });
}

function figuresOf(row: NoteFigures) {
  return {
    createdAt: timestampOf(row.created_us),
    updatedAt: timestampOf(row.updated_us),
    expiresAt: timestampOf(row.expires_us),
    revision: BigInt(row.revision),
    writtenBy: row.written_by,
    size: BigInt(row.size),
  };
}

/** What is alive: by the clock of the database, in every statement. */
export const isAlive = "n.expires_at > statement_timestamp()";
