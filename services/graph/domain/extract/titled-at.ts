import { addPerson, formOf } from "./add-sighting.ts";
import { GIVEN, ORGANISATION_HEAD, PLACE_HEAD, PLAIN, TITLE } from "./lexicon.ts";
import type { ScannedText, Word } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";
import { LORDS_OFFICES, TITLES, type Title } from "./titles.ts";

/** The most words of a name after its title. */
const NAME_MAX = 4;
/** Titles that nobody has without being a person, so that any word may be the name: `Mr. Young`. */
const SURE = new Set(["sir", "mr.", "mrs.", "miss", "ms.", "dr."]);
/** Before a place's last word these make its name: `King Street`, `Justice Department`. */
const ALSO_PLACES = new Set([
  "king",
  "queen",
  "prince",
  "princess",
  "duke",
  "saint",
  "bishop",
  "general",
  "justice",
  "lord",
]);

/** Given names of two knights at once: `Sir Williams both`. */
const SEVERAL = new Set(["Williams", "Wms", "Johns"]);
/** Of kings and popes. */
const NUMBERS = new Set("II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI".split(" "));

/** Takes the person whose title is the word at `at`. Answers where to read on; `at` if it is no title here. */
export function titledAt(text: string, scanned: ScannedText, found: Sightings, at: number): number {
  const { words } = scanned;
  const word = words[at]!;
  const title = TITLES.get(word.text.toLowerCase());
  const next = words[at + 1];
  if (title === undefined || word.possessive || next === undefined) return at;
  const byOffice = lordByOffice(words, title, at);
  if (byOffice < at) return at + 1;
  if (byOffice > at) return take(text, scanned, found, at, byOffice, title);
  if (next.joint === "of" && title.takesOf && (next.bits & PLAIN) === 0) {
    return take(text, scanned, found, at, at + 2, title);
  }
  const end = nameEnd(words, title, at);
  if (end === at + 1 || isPlace(words, title, end)) return at;
  if (title.weak && word.first && (next.bits & GIVEN) === 0 && !scanned.human) return at;
  return take(text, scanned, found, at, end, title);
}

function nameEnd(words: readonly Word[], title: Title, at: number): number {
  let end = at + 1;
  for (; end < words.length && end - at <= NAME_MAX; end++) {
    const word = words[end]!;
    const joined = word.joint === "space" || word.joint === "particle";
    if (!joined || (end > at + 1 && words[end - 1]!.possessive)) break;
    const isFirst = end === at + 1;
    if (!isFirst && title.takesOf && NUMBERS.has(word.text)) return end + 1;
    const afterGiven = !isFirst && (words[end - 1]!.initial || (words[end - 1]!.bits & GIVEN) !== 0);
    const sure = SURE.has(title.normal) && (isFirst || afterGiven) && word.text !== "I";
    if ((word.bits & PLAIN) !== 0 && !word.initial && !sure) break;
    if ((word.bits & TITLE) !== 0 && (word.bits & GIVEN) === 0 && !isFirst) break;
  }
  return end;
}

/** Where the name of a Lord who has his office for it ends; `at` if he has none, less if it is broken off. */
function lordByOffice(words: readonly Word[], title: Title, at: number): number {
  if (title.sort !== "lord") return at;
  let end = at + 1;
  while (words[end]?.joint === "space" && LORDS_OFFICES.has(words[end]!.text)) end += 1;
  if (end === at + 1) return at;
  if (words[end]?.joint === "space" && words[end]!.text === "Seal") return end + 1;
  if (words[end - 1]!.text === "Deputy" && words[end]?.joint === "of") return end + 1;
  const last = words[end - 1]!.text;
  if (last === "High" || last === "Chief") return words[end]?.joint === "space" ? end + 1 : -1;
  return end;
}

function isPlace(words: readonly Word[], title: Title, end: number): boolean {
  if (!ALSO_PLACES.has(title.normal) && !title.weak) return false;
  const last = words[end - 1]!;
  const after = words[end];
  const heads = PLACE_HEAD | ORGANISATION_HEAD;
  if ((last.bits & heads) !== 0) return true;
  return after !== undefined && after.joint === "space" && !last.possessive && (after.bits & heads) !== 0;
}

function take(text: string, scanned: ScannedText, found: Sightings, at: number, end: number, title: Title): number {
  const { words } = scanned;
  const names = words.slice(at + 1, end);
  const last = names.at(-1)!;
  const given = names.length > 1 && ((names[0]!.bits & GIVEN) !== 0 || names[0]!.initial) ? names[0]!.text : "";
  const knightsOnly =
    title.sort === "sir" && names.every((name) => name.initial || (names.length === 1 && (name.bits & GIVEN) !== 0));
  // `Sir William`, `Sir W. B.`: of several knights nobody knows which. `Sir Williams both` are two.
  if (knightsOnly || (title.sort === "sir" && SEVERAL.has(last.text))) {
    found.people.fill(1, at, end);
    return end;
  }
  const surname = last.joint === "of" || last.initial ? "" : last.text;
  const named = { surname, given, woman: title.sort === "woman" || title.sort === "lady" };
  addPerson(found, { ...named, form: formOf(text, words, at, end) }, words, at, end);
  return end;
}
