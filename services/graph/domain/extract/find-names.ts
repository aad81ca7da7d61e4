import { takeKin } from "./kin-names.ts";
import { ORGANISATION_OPENER, PLAIN, TITLE } from "./lexicon.ts";
import { openedOrganisationAt } from "./organisation-at.ts";
import { OPENS_PLACES } from "./place-names.ts";
import { runAt } from "./run-at.ts";
import { saintAt } from "./saint-at.ts";
import type { ScannedText } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";
import { titledAt } from "./titled-at.ts";

/**
 * Reads the capitalised words of a text from left to right and takes the longest name that begins at each: who is known by a title or
 * a given name, places and organisations that are known or say what they are; and sets aside what may be a name for `settleCandidates`.
 */
export function findNames(text: string, scanned: ScannedText, writer: string): Sightings {
  const { words } = scanned;
  const found: Sightings = { seen: [], full: [], candidates: [], people: new Uint8Array(words.length) };
  takeKin(text, scanned, found, writer);
  for (let at = 0; at < words.length; ) {
    const word = words[at]!;
    let next = at;
    if (found.people[at] === 1) next = at + 1;
    else if ((word.bits & TITLE) !== 0) next = titledAt(text, scanned, found, at);
    else if (word.text === "St") next = saintAt(text, scanned, found, at);
    if (next === at && (word.bits & ORGANISATION_OPENER) !== 0) next = openedOrganisationAt(text, scanned, found, at);
    if (next === at && word.bits === PLAIN && !OPENS_PLACES.has(word.text)) next = at + 1;
    if (next === at) next = runAt(text, scanned, found, at);
    at = Math.max(next, at + 1);
  }
  return found;
}
