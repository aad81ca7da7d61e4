import { addSighting } from "./add-sighting.ts";
import { isAtPlace } from "./candidate.ts";
import {
  AMBIGUOUS,
  BEGINS_ORGANISATION,
  BEGINS_PLACE,
  GIVEN,
  LEXICON,
  ORGANISATION,
  PLACE,
  PLAIN,
  WITH_ARTICLE,
} from "./lexicon.ts";
import type { Word } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";
import { wordBefore } from "./words-around.ts";

/** Takes the longest name at `at` that the lexicon holds. Answers where to read on; 0 if there is none. */
export function knownNameAt(text: string, words: readonly Word[], found: Sightings, at: number): number {
  const first = words[at]!;
  if ((first.bits & (BEGINS_PLACE | BEGINS_ORGANISATION)) !== 0) {
    for (let length = 3; length > 1; length--) {
      const last = words[at + length - 1];
      if (last === undefined || last.end - first.start > 40) continue;
      const form = text.slice(first.start, last.end);
      const bits = LEXICON.get(form) ?? 0;
      if ((bits & (PLACE | ORGANISATION)) === 0) continue;
      addSighting(found, (bits & PLACE) !== 0 ? "place" : "organisation", form, first);
      return at + length;
    }
  }
  if ((first.bits & ORGANISATION) !== 0) {
    addSighting(found, "organisation", first.text, first);
    return at + 1;
  }
  if ((first.bits & PLACE) === 0) return 0;
  // A ship: `the Plymouth`.
  if ((first.bits & WITH_ARTICLE) === 0 && wordBefore(text, first.start) === "the") return at + 1;
  // Also a word or a name: only where something is in it, or goes there.
  if ((first.bits & (AMBIGUOUS | GIVEN | PLAIN)) !== 0 && !isAtPlace(text, first)) return 0;
  addSighting(found, "place", first.text, first);
  return at + 1;
}
