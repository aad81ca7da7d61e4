// Where a tail stood, kept for the next one.
//
// Owner: one `cos tail`; two that share a file would overwrite each other's place.
//
//  C1  The file is replaced whole (written beside, then renamed): it is never half a place.
//  C2  A place is written only after what it covers was written out, so a kill repeats at most the last moments.
//
// Failure mode: a file that cannot be read as a place is refused, never overwritten.
import { readFile, rename, writeFile } from "node:fs/promises";
import { create, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Followed } from "#shared/highway/client/followed.ts";
import { advance, openPlace, type Place, resumeFields, settle } from "#shared/highway/client/place.ts";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";

/** How long a place may stay unwritten on a busy stream, in milliseconds. */
const WRITE_EVERY_MS = 500;

export class CursorFile {
  readonly #path: string;
  readonly #now: () => number;
  readonly place: Place;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #dirty = false;

  constructor(path: string, place: Place, now: () => number) {
    this.#path = path;
    this.place = place;
    this.#now = now;
  }

  /** Notes what was written out. */
  async take(followed: Followed): Promise<void> {
    if (followed.kind === "checkpoint") settle(this.place, followed.resumeToken);
    else advance(this.place, followed.cursor);
    this.#dirty = true;
    // A note comes at least with each heartbeat: then the stream is quiet and there is time.
    if (followed.kind !== "event" || this.#now() - this.#writtenAt >= WRITE_EVERY_MS) await this.#write();
  }

  close(): Promise<void> {
    return this.#write();
  }

  async #write(): Promise<void> {
    if (!this.#dirty) return;
    const stored = create(SubscribeRequestSchema, resumeFields(this.place));
    const beside = `${this.#path}.${process.pid}`;
    await writeFile(beside, `${toJsonString(SubscribeRequestSchema, stored, { prettySpaces: 2 })}\n`);
    await rename(beside, this.#path);
    this.#writtenAt = this.#now();
    this.#dirty = false;
  }
}

/** Reads the place of an earlier tail; a file that is not there yet is the place before any. */
export async function openCursorFile(path: string, now: () => number = Date.now): Promise<CursorFile> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new CliFailure(EXIT.usage, `--cursor-file ${path} cannot be read: ${error.code}`, { cause: error });
  });
  return new CursorFile(path, text === undefined ? openPlace() : parsePlace(path, text), now);
}

function parsePlace(path: string, text: string): Place {
  try {
    return openPlace(fromJsonString(SubscribeRequestSchema, text));
  } catch (cause) {
    throw new CliFailure(EXIT.usage, `--cursor-file ${path} is not one that \`cos tail\` wrote: name another`, {
      cause,
    });
  }
}
