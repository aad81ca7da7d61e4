import { toJsonString } from "@bufbuild/protobuf";
import { type DeadLetter, DeadLetter_Reason, DeadLetterSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { CommonOptions } from "../commands/consumers.ts";
import type { ListDeadLettersOptions } from "../commands/dead-letters.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import type { GivenPlace } from "../options/parse-place.ts";
import { formatInstant } from "../output/format-instant.ts";
import { memoryBlock } from "../output/format-memory.ts";
import { oneLine } from "../output/one-line.ts";
import { fieldLines, tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { pagesOfDeadLetters } from "./pages-of-dead-letters.ts";

const HEADINGS = ["PLACE", "TRIED", "WHY", "SINCE", "ERROR"];

/** `cos dead-letters ls`. */
export function listDeadLetters(cli: Cli, consumer: string, options: ListDeadLettersOptions): Promise<number> {
  return withConnection(cli, options.address, async (connection) => {
    const which = { consumer, module: options.module };
    const letters = await Array.fromAsync(pagesOfDeadLetters(connection, which, cli.terminal.signal));
    if (options.json === true) {
      const lines = letters.map((letter) => toJsonString(DeadLetterSchema, letter));
      await writeLines(cli.out, lines);
    } else if (letters.length === 0) {
      await cli.err.line("cos: there are none");
    } else {
      await writeLines(cli.out, deadLetterLines(cli, letters));
    }
    return EXIT.ok;
  });
}

/** A table of dead letters. */
export function deadLetterLines({ out }: Pick<Cli, "out">, letters: readonly DeadLetter[]): string[] {
  return tableLines(out, HEADINGS, letters.map(rowOf), { right: [1], gives: 4 });
}

function rowOf(letter: DeadLetter): string[] {
  const { attempts, reason, deadAt, error } = letter;
  return [placeOf(letter), String(attempts), reasonWords(reason), formatInstant(deadAt), error];
}

/** `pepys/40`. */
function placeOf({ event }: DeadLetter): string {
  const { module, position } = (event?.body.value ?? {}) as Partial<Memory>;
  return `${module}/${position}`;
}

function reasonWords(reason: DeadLetter_Reason): string {
  switch (reason) {
    case DeadLetter_Reason.ATTEMPTS:
      return "failed";
    case DeadLetter_Reason.PARKED:
      return "parked";
    case DeadLetter_Reason.MEMBERS_LOST:
      return "members lost";
    default:
      return "";
  }
}

/** `cos dead-letters show`. */
export function showDeadLetter(cli: Cli, consumer: string, which: GivenPlace, options: CommonOptions): Promise<number> {
  return withConnection(cli, options.address, async (connection) => {
    const { module, position } = which;
    for await (const letter of pagesOfDeadLetters(connection, { consumer, module }, cli.terminal.signal)) {
      if (placeOf(letter) !== `${module}/${position}`) continue;
      if (options.json === true) await cli.out.line(toJsonString(DeadLetterSchema, letter));
      else await writeLines(cli.out, blockOf(cli, letter));
      return EXIT.ok;
    }
    throw new CliFailure(EXIT.notFound, `${consumer} has no dead letter ${module}/${position}`);
  });
}

function blockOf({ out }: Cli, { event, attempts, reason, deadAt, member, error }: DeadLetter): string[] {
  const fields = fieldLines(out, [
    ["why", reasonWords(reason)],
    ["tried", attempts === 1 ? "once" : `${attempts} times`],
    ["since", formatInstant(deadAt)],
    ["by", member],
    ["error", oneLine(error)],
  ]);
  return event?.body.case === "memory" ? [...fields, "", memoryBlock(out, event.body.value)] : fields;
}
