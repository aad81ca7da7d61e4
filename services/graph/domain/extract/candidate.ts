import { formOf } from "./add-sighting.ts";
import { ACTING, CALLING, COMPANY, LOCALITIES, MEETING, MOVING, SPEAKING } from "./cue-words.ts";
import { AMBIGUOUS, GIVEN, ORGANISATION_HEAD, PLACE, PLACE_HEAD, TITLE } from "./lexicon.ts";
import { PLACE_HEADS } from "./place-names.ts";
import type { ScannedText, Word } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";
import { secondWordBefore, wordAfter, wordBefore } from "./words-around.ts";

/** Alone they say what somebody or something is, not who. */
const NAMES_NOBODY = TITLE | PLACE_HEAD | ORGANISATION_HEAD;
const PLACE_CUES = new Set(
  "at in to from near towards toward into through around outside beyond via At In To From Near".split(" "),
);
const DETERMINERS = new Set("the The a an this that these those no any some every each such what which".split(" "));
const SMALL_HEADS: ReadonlySet<string> = new Set([...PLACE_HEADS.map((head) => head.toLowerCase()), "end", "heath"]);

/** Something is there, or goes there. */
export function isAtPlace(text: string, word: Word): boolean {
  return !word.possessive && PLACE_CUES.has(wordBefore(text, word.start));
}

/** What stands around a candidate. */
interface Surroundings {
  readonly before: string;
  readonly before2: string;
  readonly after: string;
  readonly first: Word;
  readonly last: Word;
  readonly human: boolean;
}

/** Sets aside the words from `at` to before `end` with what stands next to them. Answers `end`. */
export function addCandidate(text: string, scanned: ScannedText, found: Sightings, at: number, end: number): number {
  const { words, human } = scanned;
  const first = words[at]!;
  const last = words[end - 1]!;
  const before = wordBefore(text, first.start);
  const single = end === at + 1;
  if (last.initial || DETERMINERS.has(before) || (single && (first.bits & NAMES_NOBODY) !== 0)) return end;
  const before2 = secondWordBefore(text, first.start);
  const around = { before, before2, after: wordAfter(text, last.wholeEnd), first, last, human };
  const isGiven = (first.bits & GIVEN) !== 0 && single && !(first.first && (first.bits & AMBIGUOUS) !== 0);
  const place = endsAsPlace(first.text) || isWhere(around);
  const person = !place && (isGiven || ((first.bits & PLACE) === 0 && isWho(text, around)));
  found.candidates.push({ form: formOf(text, words, at, end), from: at, to: end, person, place });
  return end;
}

/** `Mile-end`. */
function endsAsPlace(word: string): boolean {
  const hyphen = word.lastIndexOf("-");
  return hyphen > 0 && SMALL_HEADS.has(word.slice(hyphen + 1).toLowerCase());
}

function isWho(text: string, { before, before2, after, first, last, human }: Surroundings): boolean {
  if (SPEAKING.has(after) && !last.possessive && (!first.first || first !== last)) return true;
  if (MEETING.has(before)) return true;
  if (!human || first.first) return false;
  if (last.possessive && (before === "at" || before === "to" || before === "from")) return true;
  if (!last.possessive && ACTING.has(after)) return true;
  if (CALLING.has(before)) return before2 !== "a" && before2 !== "an";
  if (before === "with") return COMPANY.has(before2) || before2 === "";
  return text.startsWith(" and I ", last.end) || text.startsWith(" and me ", last.end);
}

function isWhere({ before, before2, after, last, human }: Surroundings): boolean {
  if (before === "of") return LOCALITIES.has(before2);
  if (!human || last.possessive || !PLACE_CUES.has(before) || ACTING.has(after)) return false;
  return before === "at" || MOVING.has(before2);
}
