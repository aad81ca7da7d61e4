import { toJsonString } from "@bufbuild/protobuf";
import { NoteSchema } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { TouchNoteOptions } from "../commands/scratch.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { formatInstant } from "../output/format-instant.ts";
import { durationOf } from "../tokens/duration-of.ts";

/** `cos scratch touch`. */
export function touchNote(cli: Cli, key: string, options: TouchNoteOptions): Promise<number> {
  const { module, ttl, revision = 0, json, address } = options;
  return withConnection(cli, address, async ({ scratch }) => {
    const lives = ttl === undefined ? {} : { ttl: durationOf(ttl) };
    const request = { module, key, revision: BigInt(revision), ...lives };
    const { note } = await scratch.touchNote(request, { signal: cli.terminal.signal });
    const done = `${cli.out.style("bold", key)} lives until ${formatInstant(note?.expiresAt)}`;
    await cli.out.line(json === true && note ? toJsonString(NoteSchema, note) : done);
    return EXIT.ok;
  });
}
