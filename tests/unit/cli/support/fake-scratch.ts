import { clone, create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type DeleteNoteRequest,
  type GetNoteRequest,
  GetScratchStatsResponseSchema,
  type ListNotesRequest,
  type Note,
  NoteSchema,
  NoteView,
  type PutNoteRequest,
  type TouchNoteRequest,
} from "#gen/cos/conductor/v1/scratch_service_pb.ts";

const WRITTEN_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;

/** Scratch notes of one module, in memory, whose clock stands still; pages have two. */
export class FakeScratch {
  readonly notes = new Map<string, Note>();
  readonly putRequests: PutNoteRequest[] = [];
  readonly #check: () => void;
  #revision = 0n;

  constructor(check: () => void) {
    this.#check = check;
  }

  readonly handlers = {
    putNote: async (request: PutNoteRequest) => {
      this.#check();
      this.putRequests.push(request);
      const note = clone(NoteSchema, request.note!);
      this.#revision += 1n;
      const size = BigInt(note.key.length + note.text.length);
      Object.assign(note, {
        revision: this.#revision,
        size,
        writtenBy: "local",
        updatedAt: timestampFromMs(WRITTEN_MS),
      });
      note.expiresAt = this.#until(note.ttl);
      this.notes.set(note.key, note);
      return { note: basic(note) };
    },
    getNote: async ({ key }: GetNoteRequest) => {
      this.#check();
      return { note: this.#note(key) };
    },
    listNotes: async ({ prefix, view, pageToken }: ListNotesRequest) => {
      this.#check();
      const all = [...this.notes.values()].filter(({ key }) => key.startsWith(prefix));
      const start = Number(pageToken);
      const page = all.slice(start, start + 2);
      const nextPageToken = start + 2 < all.length ? String(start + 2) : "";
      return { notes: view === NoteView.FULL ? page : page.map(basic), nextPageToken };
    },
    touchNote: async ({ key, ttl }: TouchNoteRequest) => {
      const note = this.#note(key);
      note.expiresAt = this.#until(ttl);
      return { note: basic(note) };
    },
    deleteNote: async ({ key }: DeleteNoteRequest) => {
      this.#note(key);
      this.notes.delete(key);
      return {};
    },
    getScratchStats: async () =>
      create(GetScratchStatsResponseSchema, {
        notes: BigInt(this.notes.size),
        bytes: 1234n,
        notesMax: 10_000n,
        bytesMax: 67_108_864n,
        ttl: durationFromMs(DAY_MS),
        ttlMax: durationFromMs(30 * DAY_MS),
        ...(this.notes.size > 0 && { nextExpiresAt: this.#until(undefined) }),
      }),
  };

  #until(ttl: Note["ttl"]) {
    return timestampFromMs(WRITTEN_MS + (ttl === undefined ? DAY_MS : durationMs(ttl)));
  }

  #note(key: string): Note {
    const note = this.notes.get(key);
    if (note === undefined) throw new ConnectError(`there is no note "${key}" in module "cc"`, Code.NotFound);
    return note;
  }
}

function basic(note: Note): Note {
  const { value: _, ...rest } = note;
  return { ...rest, text: "" };
}
