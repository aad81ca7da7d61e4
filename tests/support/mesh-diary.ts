import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT } from "./mesh-process.ts";

export const DIARY_ENTRIES = 3413;

/** The diary of Samuel Pepys where it lies beside the repository, else one of the same shape and length, made in `folder`. */
export function diaryFile(folder: string): string {
  const real = join(ROOT, "..", "shared", "data", "pepys.jsonl.gz");
  if (existsSync(real)) return real;
  const made = join(folder, "diary.jsonl.gz");
  writeFileSync(made, gzipSync(Array.from({ length: DIARY_ENTRIES }, (_, day) => `${entry(day)}\n`).join("")));
  return made;
}

function entry(day: number): string {
  const occurredOn = new Date(Date.UTC(1660, 0, 11 + day)).toISOString().slice(0, 10);
  return JSON.stringify({
    key: `diary-${occurredOn}`,
    event_type: "diary.entry",
    author: "Samuel Pepys",
    occurred_on: occurredOn,
    works: [],
    text: `Up betimes and to my office. ${"And so to bed. ".repeat(100)}`,
  });
}
