import { create, toJsonString } from "@bufbuild/protobuf";
import { ListNotesRequestSchema, type Note, NoteSchema, NoteView } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { ScratchOptions } from "../commands/scratch.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { formatInstant } from "../output/format-instant.ts";
import { tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";

/** The most that one page may have (cos.conductor.v1.ListNotesRequest). */
const PAGE_MAX = 1000;
const HEADINGS = ["KEY", "BYTES", "REVISION", "EXPIRES", "BY"];

/** `cos scratch ls`. */
export function listNotes(cli: Cli, prefix: string, options: ScratchOptions): Promise<number> {
  const { module, json, address } = options;
  return withConnection(cli, address, async (connection) => {
    const view = json === true ? NoteView.FULL : NoteView.BASIC;
    const pages = pagesOf(connection, { module, prefix, view }, cli.terminal.signal);
    if (json === true) {
      for await (const note of pages) await cli.out.line(toJsonString(NoteSchema, note));
      return EXIT.ok;
    }
    const notes = await Array.fromAsync(pages);
    if (notes.length === 0)
      await cli.err.line(`cos: there are none in module ${module}: \`cos scratch put\` writes one`);
    else await writeLines(cli.out, tableLines(cli.out, HEADINGS, notes.map(rowOf), { right: [1, 2], gives: 0 }));
    return EXIT.ok;
  });
}

function rowOf({ key, size, revision, expiresAt, writtenBy }: Note): string[] {
  return [key, size.toLocaleString("en"), String(revision), formatInstant(expiresAt), writtenBy];
}

async function* pagesOf(
  { scratch }: Pick<Connection, "scratch">,
  which: { readonly module: string; readonly prefix: string; readonly view: NoteView },
  signal: AbortSignal,
): AsyncGenerator<Note> {
  const request = create(ListNotesRequestSchema, { ...which, pageSize: PAGE_MAX });
  do {
    const page = await scratch.listNotes(request, { signal });
    yield* page.notes;
    request.pageToken = page.nextPageToken;
  } while (request.pageToken !== "");
}
