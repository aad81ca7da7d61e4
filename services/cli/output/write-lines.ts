import type { Output } from "./output.ts";

/** Writes one line after the other, at the reader's pace. */
export async function writeLines(out: Output, lines: Iterable<string>): Promise<void> {
  for (const line of lines) await out.line(line);
}
