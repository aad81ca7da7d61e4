import type { SearchMemoriesHit } from "#gen/cos/conductor/v1/search_pb.ts";
import { columnsOf } from "../output/columns-of.ts";
import { formatInstant } from "../output/format-instant.ts";
import { oneLine } from "../output/one-line.ts";
import type { Output } from "../output/output.ts";

const INDENT = "  ";
/** Columns that a passage gets at least, however narrow the terminal. */
const COLUMNS_MIN = 20;

/** Around what is highlighted, while lines are broken. Private characters: what a text has of them is left out. */
const [BEGIN, END] = ["\uE000", "\uE001"];

/** A hit: when, where, what and from whom on one line, then its passage. */
export function hitLines(out: Output, { memory, citation, passage, highlights }: SearchMemoriesHit): string[] {
  const parts = (
    [
      ["cyan", formatInstant(memory?.occurredAt ?? memory?.recordedAt)],
      ["dim", citation],
      ["yellow", memory?.eventType ?? ""],
      ["green", oneLine(memory?.source ?? "")],
    ] as const
  ).filter(([, part]) => part !== "");
  const lead = parts.map(([format, part]) => out.style(format, part)).join("  ");
  const words = oneLine(marked(passage, highlights)).split(" ");
  const columns = out.columns === undefined ? undefined : Math.max(COLUMNS_MIN, out.columns - INDENT.length);
  return [lead, ...wrapped(words, columns).map((line) => INDENT + styled(out, line))];
}

function marked(passage: string, highlights: readonly { readonly start: number; readonly end: number }[]): string {
  let [text, from] = ["", 0];
  for (const { start, end } of highlights) {
    text += `${plain(passage.slice(from, start))}${BEGIN}${plain(passage.slice(start, end))}${END}`;
    from = end;
  }
  return text + plain(passage.slice(from));
}

function plain(text: string): string {
  return text.replaceAll(/[\uE000\uE001]/g, "");
}

/** Words in lines of so many columns; undefined: one line. */
function wrapped(words: readonly string[], columns: number | undefined): string[] {
  if (columns === undefined) return [words.join(" ")];
  const lines: string[] = [];
  let used = columns;
  for (const word of words) {
    const width = columnsOf(plain(word));
    if (used + 1 + width > columns) {
      lines.push(word);
      used = width;
    } else {
      lines[lines.length - 1] += ` ${word}`;
      used += 1 + width;
    }
  }
  return lines;
}

function styled(out: Output, line: string): string {
  return line.replaceAll(/\uE000([^\uE001]*)\uE001/g, (_, word: string) => out.style(["bold", "red"], word));
}
