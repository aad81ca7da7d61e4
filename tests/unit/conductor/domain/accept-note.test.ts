import { create, type JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Note, NoteSchema, PutNoteRequestSchema } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { acceptNote } from "#services/conductor/domain/accept-note.ts";

type NoteInit = Partial<Omit<Note, "$typeName" | "$unknown">>;

const accept = (note: NoteInit, revision = 0n, onlyIfAbsent = false) =>
  acceptNote(create(PutNoteRequestSchema, { note: create(NoteSchema, note), revision, onlyIfAbsent }), "editor");

describe("a note to write", () => {
  test("is of module cc unless it says another, and has no time of its own unless it says one", () => {
    expect(accept({ key: "k", text: "t" })).toEqual({
      module: "cc",
      key: "k",
      text: "t",
      value: undefined,
      ttlMs: null,
      revision: 0n,
      onlyIfAbsent: false,
      writtenBy: "editor",
    });
    const ttl = { $typeName: "google.protobuf.Duration", seconds: 2n, nanos: 1_999_999 } as const;
    expect(accept({ module: "drafts", key: "k", ttl, value: { a: 1 } }, 3n)).toMatchObject({
      module: "drafts",
      ttlMs: 2001,
      value: { a: 1 },
      revision: 3n,
    });
  });

  test("is refused with every field that is at fault", () => {
    const value: JsonObject = { a: { b: "\0" } };
    expect(() => accept({ key: "\ud800", text: "\udc00", value }, 1n, true)).toThrow(
      expect.objectContaining({
        reason: ErrorReason.INVALID_FIELD,
        fields: ["note.key", "note.text", "note.value.a.b", "only_if_absent"].map((field) =>
          expect.objectContaining({ field }),
        ),
      }),
    );
    expect(() => accept({ key: "k", value: { a: "x".repeat(64 * 1024) } })).toThrow(
      "note.value: must be at most 64 KiB",
    );
  });
});
