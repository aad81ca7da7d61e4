import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { memoryFields, type NamedField } from "../output/memory-fields.ts";
import { fieldLines } from "./field-lines.ts";
import type { Line } from "./line.ts";
import { wrapText } from "./wrap-text.ts";

/** A memory with all its fields, and then all that it says, in lines of at most so many columns. */
export function detailLines(memory: Memory, columns: number): readonly Line[] {
  const fields = fieldsOf(memory).filter(([, value]) => value !== "");
  const parts = partsOf(memory).filter(([, text]) => text !== "");
  return [
    ...fields.flatMap(([name, value]) => fieldLines(name, value, { columns, nameColumns: 15, style: "dim" })),
    ...parts.flatMap(([name, text]) => [
      [],
      [{ text: name, style: "bold" }] satisfies Line,
      ...wrapText(text, columns).map((line): Line => [{ text: line }]),
    ]),
  ];
}

function fieldsOf(memory: Memory): readonly NamedField[] {
  return [...memoryFields(memory), ["request", memory.requestId], ["trace", memory.traceId], ...modelOf(memory)];
}

function modelOf({ promptTrace }: Memory): readonly NamedField[] {
  if (promptTrace === undefined) return [];
  const { model, executionTimeMs, tokenCount, promptTokenCount, responseTokenCount } = promptTrace;
  const counts = [tokenCount, promptTokenCount, responseTokenCount].map((count) => (count === 0 ? "?" : String(count)));
  const tokens = `${counts[0]} (prompt ${counts[1]}, response ${counts[2]})`;
  return [
    ["model", model],
    ["took", executionTimeMs === 0 ? "" : `${executionTimeMs} ms`],
    ["tokens", counts.every((count) => count === "?") ? "" : tokens],
  ];
}

function partsOf({ text, payload, promptTrace }: Memory): readonly (readonly [name: string, text: string])[] {
  return [
    ["text", text],
    ["prompt", promptTrace?.prompt ?? ""],
    ["response", promptTrace?.response ?? ""],
    ["payload", payload === undefined ? "" : JSON.stringify(payload, undefined, 2)],
  ];
}
