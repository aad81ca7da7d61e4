import { toJsonString } from "@bufbuild/protobuf";
import { type Note, NoteSchema } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ScratchOptions } from "../commands/scratch.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { safeLines } from "../output/one-line.ts";
import { writeLines } from "../output/write-lines.ts";

/** `cos scratch get`. */
export function getNote(cli: Cli, key: string, { module, json, address }: ScratchOptions): Promise<number> {
  return withConnection(cli, address, async ({ scratch }) => {
    const { note } = await scratch.getNote({ module, key }, { signal: cli.terminal.signal });
    if (note === undefined) throw new CliFailure(EXIT.notFound, `there is no note ${key} in module ${module}`);
    if (json === true) await cli.out.line(toJsonString(NoteSchema, note));
    else await tell(cli, note);
    return EXIT.ok;
  });
}

/** To a program exactly what it says, to a person's terminal nothing that it would act upon. Without a text: its value. */
async function tell({ out }: Cli, { text, value }: Note): Promise<void> {
  if (text === "" && value !== undefined) await out.line(JSON.stringify(value));
  else if (out.isTerminal) await writeLines(out, safeLines(text.replace(/\r?\n$/, "")));
  else await out.write(text);
}
