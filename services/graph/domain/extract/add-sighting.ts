import type { EntityKind } from "../mention.ts";
import type { Word } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";

/** The words from `from` to before `to`, as they are written. */
export function formOf(text: string, words: readonly Word[], from: number, to: number): string {
  const last = words[to - 1]!;
  if (to - from === 1) return last.dotted ? text.slice(last.start, last.end) : last.text;
  const form = text.slice(words[from]!.start, last.end);
  return form.includes("]") || form.includes("[") ? form.replace(/[[\]]/g, "") : form;
}

/** Notes a person who is named by the words from `from` to before `to`. */
export function addPerson(
  found: Sightings,
  name: { form: string; surname: string; given: string; woman: boolean },
  words: readonly Word[],
  from: number,
  to: number,
): void {
  const { start, passage } = words[from]!;
  found.full.push({ kind: "person", start, passage, ...name });
  found.people.fill(1, from, to);
}

/** Notes what else is named there. */
export function addSighting(found: Sightings, kind: EntityKind, form: string, word: Word): void {
  found.seen.push({ kind, form, start: word.start, passage: word.passage });
}
