import { text as readAll } from "node:stream/consumers";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { PutNoteOptions } from "../commands/scratch.ts";
import { EXIT } from "../exit-codes.ts";
import { openSource } from "../import/source-bytes.ts";

/** The most that a note may say, in bytes (cos.conductor.v1.Note.text); more than this is not even read. */
const TEXT_BYTES_MAX = 256 * 1024;

/** What a note is to say: as typed, from standard input without its last line break, or a file exactly as it is. */
export async function noteText(cli: Cli, given: string | undefined, { file }: PutNoteOptions): Promise<string> {
  if (file === undefined) {
    return given === "-" ? (await readAll(cli.terminal.stdin)).replace(/\r?\n$/, "") : (given ?? "");
  }
  if (given !== undefined)
    throw new CliFailure(EXIT.usage, "what the note says is given twice: as a text and as --file");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of (await openSource(file, cli.terminal.stdin)).bytes) {
    size += chunk.length;
    if (size > TEXT_BYTES_MAX) throw new CliFailure(EXIT.usage, `${file}: a note says at most 256 KiB`);
    chunks.push(chunk);
  }
  return decode(file, Buffer.concat(chunks));
}

function decode(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CliFailure(EXIT.usage, `${file} is no UTF-8 text`, { cause });
  }
}
