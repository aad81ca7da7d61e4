import { addPerson, addSighting, formOf } from "./add-sighting.ts";
import { addCandidate, isAtPlace } from "./candidate.ts";
import { knownNameAt } from "./known-name-at.ts";
import {
  AMBIGUOUS,
  GIVEN,
  ORGANISATION_HEAD,
  PLACE,
  PLACE_HEAD,
  PLACE_OPENER,
  PLAIN,
  SHORTENED,
  SIGN,
  TITLE,
  WITH_ARTICLE,
} from "./lexicon.ts";
import { OPENS_PLACES, SMALL_PLACE_HEADS } from "./place-names.ts";
import { LETTERED_NOUNS } from "./plain-words.ts";
import type { ScannedText, Word } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";
import { secondWordBefore, wordAfter, wordBefore } from "./words-around.ts";

const RUN_MAX = 5;
const HEADS = PLACE_HEAD | ORGANISATION_HEAD;
/** Last words of places that are surnames too: after a given name they are. */
const SURNAMES = new Set(
  "Hill Park Wood Woods Field Fields Church Green Lake Marsh Heath Castle Walk Mill Hall Lane Cross Wells Garden Court Forest Head Place Banks Close Common Cape Rivers Spring Press Price".split(
    " ",
  ),
);

/** Takes what the words that hang together from `at` on name. Answers where to read on. */
export function runAt(text: string, scanned: ScannedText, found: Sightings, at: number): number {
  const { words } = scanned;
  const end = runEnd(words, at);
  const first = words[at]!;
  return (
    prefixedPlace(text, words, found, at) ||
    headedName(text, scanned, found, at, end) ||
    personByGivenName(text, words, found, at, end) ||
    knownNameAt(text, words, found, at) ||
    smallHeadedPlace(text, words, found, at, end) ||
    placeBySign(text, scanned, found, at, end) ||
    ((first.bits & PLAIN) !== 0 ? at + 1 : addCandidate(text, scanned, found, at, end))
  );
}

function runEnd(words: readonly Word[], at: number): number {
  let end = at + 1;
  for (; end < words.length && end - at < RUN_MAX; end++) {
    const word = words[end]!;
    const isHead = (word.bits & HEADS) !== 0;
    if (word.joint !== "space" && (word.joint !== "particle" || isHead)) break;
    if (words[end - 1]!.possessive && !isHead && (word.bits & SIGN) === 0) break;
    if ((word.bits & PLAIN) !== 0 && !isHead && !word.initial) break;
    if ((word.bits & TITLE) !== 0 && (word.bits & (GIVEN | HEADS)) === 0) break;
  }
  return end;
}

/** `the Old Swan`, `New Bridewell`, `the Isle of Wight`. */
function prefixedPlace(text: string, words: readonly Word[], found: Sightings, at: number): number {
  const first = words[at]!;
  const next = words[at + 1];
  if (next === undefined || first.first || first.possessive) return 0;
  const opens = next.joint === "of" && (first.bits & PLACE_OPENER) !== 0 && (next.bits & (PLAIN | TITLE)) === 0;
  const prefixes =
    next.joint === "space" && OPENS_PLACES.has(first.text) && (next.bits & (PLACE | SIGN | WITH_ARTICLE)) !== 0;
  const after = words[at + 2];
  const goesOn = after?.joint === "space" && (after.bits & HEADS) !== 0;
  if ((!opens && !prefixes) || goesOn) return 0;
  addSighting(found, "place", formOf(text, words, at, at + 2), first);
  return at + 2;
}

/** `Fleet Street`, `East India Company`, `Mount Etna`: the last word says what it is, or the first. */
function headedName(text: string, scanned: ScannedText, found: Sightings, at: number, end: number): number {
  const { words } = scanned;
  const first = words[at]!;
  if (end === at + 1) return 0;
  if ((first.bits & PLACE_OPENER) !== 0 && !first.first && words[at + 1]!.bits === 0) {
    addSighting(found, "place", formOf(text, words, at, at + 2), first);
    return at + 2;
  }
  if ((first.bits & PLAIN) !== 0 && !opensPlace(first)) return 0;
  let last = end - 1;
  while (last > at && (words[last]!.bits & HEADS) === 0) last -= 1;
  if (last === at) return 0;
  const isPerson = last === at + 1 && isGivenName(first) && !isAtPlace(text, first) && SURNAMES.has(words[last]!.text);
  if (isPerson) return 0;
  const isPlaceName = (words[last]!.bits & PLACE_HEAD) !== 0;
  // A sentence's first word may have its capital for that alone: `Weekly Board meeting`.
  if (first.first && first.bits === 0 && !isPlaceName) return 0;
  const form = formOf(text, words, at, last + 1);
  const after = isPlaceName ? smallHeadAfter(text, words[last]!.wholeEnd) : "";
  // `Lincoln’s Inn fields`
  const whole = after === "" ? form : `${form} ${after}`;
  addSighting(found, isPlaceName ? "place" : "organisation", whole, first);
  return last + 1;
}

/** `King Street`, `the Old Exchange`: a plain word that may begin a name; not as the first word of a sentence. */
function opensPlace(word: Word): boolean {
  return !word.first && ((word.bits & (TITLE | SIGN | WITH_ARTICLE)) !== 0 || OPENS_PLACES.has(word.text));
}

function isGivenName(word: Word): boolean {
  return word.initial || (word.bits & GIVEN) !== 0 || (word.dotted && (word.bits & SHORTENED) !== 0);
}

/** `Anna Karlsson`, `W. Hewer`. */
function personByGivenName(text: string, words: readonly Word[], found: Sightings, at: number, end: number): number {
  const first = words[at]!;
  if (!isGivenName(first) || end === at + 1 || first.possessive) return 0;
  if (first.initial && LETTERED_NOUNS.has(wordBefore(text, first.start))) return 0;
  let last = at + 1;
  while (last < end && isGivenName(words[last]!) && (words[last]!.bits & HEADS) === 0) last += 1;
  if (last < end && (words[last]!.bits & ORGANISATION_HEAD) === 0) last += 1;
  const surname = words[last - 1]!;
  if (last === at + 1 || surname.initial) return 0;
  if ((first.bits & AMBIGUOUS) !== 0 && first.first) return 0;
  const name = { form: formOf(text, words, at, last), surname: surname.text, given: first.text, woman: false };
  addPerson(found, name, words, at, last);
  return last;
}

/** What ends the name of a place in small letters, right after `end`; else "". */
function smallHeadAfter(text: string, end: number): string {
  // Most words that follow a name begin otherwise.
  if (!"slpcf".includes(text.charAt(end + 1))) return "";
  const after = wordAfter(text, end);
  return SMALL_PLACE_HEADS.has(after) ? after : "";
}

/** `Lombard street`. */
function smallHeadedPlace(text: string, words: readonly Word[], found: Sightings, at: number, end: number): number {
  const last = words[end - 1]!;
  const after = smallHeadAfter(text, last.wholeEnd);
  if (after === "" || ((last.bits & PLAIN) !== 0 && !last.possessive)) return 0;
  const from = words[at]!;
  addSighting(found, "place", text.slice(from.start, last.wholeEnd + 1 + after.length), from);
  return end;
}

/** `the Tower`; and, where one goes or is, `at the Dolphin`, `to the Red Lion`. */
function placeBySign(text: string, scanned: ScannedText, found: Sightings, at: number, end: number): number {
  const { words, human } = scanned;
  const first = words[at]!;
  const last = words[end - 1]!;
  if (!human || (last.bits & (SIGN | WITH_ARTICLE)) === 0 || first.possessive) return 0;
  if (wordBefore(text, first.start) !== "the") return 0;
  const isSign = (last.bits & SIGN) !== 0 && SIGN_CUES.has(secondWordBefore(text, first.start));
  if (!isSign && (end > at + 1 || (last.bits & WITH_ARTICLE) === 0)) return 0;
  addSighting(found, "place", formOf(text, words, at, end), first);
  return end;
}

const SIGN_CUES = new Set(["at", "to", "from", "in"]);
