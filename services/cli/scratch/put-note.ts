import { toJsonString } from "@bufbuild/protobuf";
import { NoteSchema } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { PutNoteOptions } from "../commands/scratch.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { formatInstant } from "../output/format-instant.ts";
import { durationOf } from "../tokens/duration-of.ts";
import { noteText } from "./note-text.ts";

/** `cos scratch put`. */
export async function putNote(
  cli: Cli,
  key: string,
  given: string | undefined,
  options: PutNoteOptions,
): Promise<number> {
  const { module, value, ttl, revision = 0, ifAbsent: onlyIfAbsent = false } = options;
  if (given === undefined && options.file === undefined && value === undefined && !onlyIfAbsent) {
    throw new CliFailure(EXIT.usage, "nothing to write: give a text, - for standard input, --file, or --value");
  }
  const text = await noteText(cli, given, options);
  return withConnection(cli, options.address, async ({ scratch }) => {
    const note = { module, key, text, ...(value && { value }), ...(ttl !== undefined && { ttl: durationOf(ttl) }) };
    const request = { note, revision: BigInt(revision), onlyIfAbsent };
    const { note: written } = await scratch.putNote(request, { signal: cli.terminal.signal });
    const until = `until ${formatInstant(written?.expiresAt)}, revision ${written?.revision}`;
    const done = `wrote ${cli.out.style("bold", key)} ${cli.out.style("dim", until)}`;
    await cli.out.line(options.json === true && written ? toJsonString(NoteSchema, written) : done);
    return EXIT.ok;
  });
}
