import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { formatInstant } from "./format-instant.ts";
import { memoryFields, type NamedField } from "./memory-fields.ts";
import { oneLine, safeLines, shorten } from "./one-line.ts";
import type { Output } from "./output.ts";

/** Columns that the text of a memory gets at least, however narrow the terminal. */
const TEXT_COLUMNS_MIN = 20;
/** Columns of a terminal from which on a line also says who recorded the memory. */
const RECORDER_COLUMNS_MIN = 120;

/** A memory on one line: when, where, what, from whom, and as much of the text as fits. */
export function memoryLine(out: Output, memory: Memory): string {
  const parts = (
    [
      ["cyan", formatInstant(memory.occurredAt ?? memory.recordedAt)],
      ["dim", `${memory.module}/${memory.position}`],
      ["yellow", memory.eventType],
      ["green", oneLine(memory.source)],
      ["magenta", recorderOf(out, memory)],
    ] as const
  ).filter(([, part]) => part !== "");
  const lead = parts.map(([format, part]) => out.style(format, part)).join("  ");
  const text = oneLine(summaryOf(memory));
  if (out.columns === undefined) return `${lead}  ${text}`.trimEnd();
  const leadColumns = parts.reduce((columns, [, part]) => columns + part.length + 2, 0);
  return `${lead}  ${shorten(text, Math.max(TEXT_COLUMNS_MIN, out.columns - leadColumns))}`.trimEnd();
}

/** Who recorded it, where there is room and it says more than the source does; nearly all is recorded by people at the machine. */
function recorderOf({ columns = Number.POSITIVE_INFINITY }: Output, { recordedBy, source }: Memory): string {
  const isPlain = recordedBy === "" || recordedBy === "local" || recordedBy === "owner" || recordedBy === source;
  return isPlain || columns < RECORDER_COLUMNS_MIN ? "" : `by ${oneLine(recordedBy)}`;
}

/** What a memory says, in the fewest words. */
export function summaryOf(memory: Memory): string {
  if (memory.forgottenAt !== undefined) return "(forgotten)";
  if (memory.text !== "") return memory.text;
  if (memory.promptTrace !== undefined) return memory.promptTrace.prompt;
  return memory.payload === undefined ? "" : JSON.stringify(memory.payload);
}

/** A memory with all its fields, one below the other, then its text. */
export function memoryBlock(out: Output, memory: Memory): string {
  const { promptTrace: trace } = memory;
  const fields: NamedField[] = [
    ...memoryFields(memory),
    ["payload", memory.payload === undefined ? "" : JSON.stringify(memory.payload)],
    ["model", trace?.model ?? ""],
    ["prompt", trace?.prompt ?? ""],
    ["response", trace?.response ?? ""],
    ["request", memory.requestId],
    ["trace", memory.traceId],
  ];
  const lines = fields
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${out.style("dim", name.padEnd(13))} ${oneLine(value)}`);
  return [...lines, ...(memory.text === "" ? [] : ["", ...safeLines(memory.text)])].join("\n");
}
