import { addSighting, formOf } from "./add-sighting.ts";
import { ORGANISATION_HEAD, TITLE } from "./lexicon.ts";
import { OPENS_PLACES } from "./place-names.ts";
import type { ScannedText, Word } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";

/** Takes an organisation that begins by what it is, at the word at `at`: `Committee of Tangier`, `University of Oxford`. */
export function openedOrganisationAt(text: string, scanned: ScannedText, found: Sightings, at: number): number {
  const { words } = scanned;
  const word = words[at]!;
  const next = words[at + 1];
  if (next === undefined || word.possessive || (next.joint !== "of" && next.joint !== "for")) return at;
  if ((next.bits & TITLE) !== 0 || next.text === "I") return at;
  // `Bank of New England`
  let end = at + (OPENS_PLACES.has(next.text) && words[at + 2]?.joint === "space" ? 3 : 2);
  // `Council of the Royal Society`
  while (end < at + 5 && goesOn(words, end)) end += 1;
  addSighting(found, "organisation", formOf(text, words, at, end), word);
  return end;
}

function goesOn(words: readonly Word[], at: number): boolean {
  const word = words[at];
  return (
    word?.joint === "space" && !words[at - 1]!.possessive && (word.bits === 0 || (word.bits & ORGANISATION_HEAD) !== 0)
  );
}
