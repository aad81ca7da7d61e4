import { addSighting, formOf } from "./add-sighting.ts";
import { LEXICON, PLACE, PLACE_HEAD } from "./lexicon.ts";
import type { ScannedText } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";

/**
 * Takes a place that is called after a saint, at the `St.` at `at`: `St. James’s`, `St. James’s Park`, `St. Petersburg`. A saint without
 * more is a holiday as often as a person, and dropped.
 */
export function saintAt(text: string, scanned: ScannedText, found: Sightings, at: number): number {
  const { words } = scanned;
  const name = words[at + 1];
  if (name === undefined || name.joint !== "space") return at + 1;
  let end = at + 2;
  while (end < at + 4 && words[end]?.joint === "space" && (words[end]!.bits & PLACE_HEAD) !== 0) end += 1;
  const hasHead = end > at + 2;
  const known = ((LEXICON.get(`St. ${name.text}`) ?? 0) & PLACE) !== 0;
  if (hasHead || known) addSighting(found, "place", formOf(text, words, at, end), words[at]!);
  else if (name.possessive) addSighting(found, "place", text.slice(words[at]!.start, name.end + 2), words[at]!);
  return end;
}
