import type { Joint } from "./scanned-text.ts";

/** What may stand between two capitalised words that belong together, without brackets. */
const JOINTS: ReadonlyMap<string, Joint> = new Map<string, Joint>([
  ["", "space"],
  [" ", "space"],
  [" of ", "of"],
  [" of the ", "of"],
  [" for ", "for"],
  [", ", "list"],
  [" and ", "list"],
  [", and ", "list"],
  [" & ", "list"],
  ...[
    "de",
    "van",
    "von",
    "da",
    "di",
    "du",
    "del",
    "la",
    "le",
    "den",
    "der",
    "bin",
    "ibn",
    "van der",
    "van den",
    "von der",
    "de la",
  ].map((particle): [string, Joint] => [` ${particle} `, "particle"]),
]);

const LONGEST = 9;

/** How a capitalised word at `start` hangs together with one that ended at `end`, by the text between them. */
export function jointOf(text: string, end: number, start: number): Joint {
  const length = start - end;
  if (end < 0 || length > LONGEST) return "none";
  if (length === 1) return text.charCodeAt(end) === 0x20 ? "space" : "none";
  const gap = text.slice(end, start);
  // An editor's brackets: `[Sir] W. Batten`.
  if (gap === "] " || gap === " [") return "space";
  return JOINTS.get(gap) ?? "none";
}
