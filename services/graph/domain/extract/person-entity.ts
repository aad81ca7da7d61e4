import { GIVEN_NAMES, NAME_OF_INITIAL, SHORT_GIVEN_NAMES } from "./given-names.ts";
import { TITLES, type Title } from "./titles.ts";

const GIVEN: ReadonlySet<string> = new Set(GIVEN_NAMES.map((name) => name.toLowerCase()));
const SHORT: ReadonlyMap<string, string> = new Map(
  [...SHORT_GIVEN_NAMES].map(([short, name]) => [`${short.toLowerCase()}.`, name]),
);

/** Titles that are part of the name, because a given name and a number follow: King Charles II. */
const CROWNED = new Set(
  "king queen prince princess pope emperor empress saint tsar czar sultan duke duchess uncle aunt".split(" "),
);

/**
 * One step from a person's normal name towards the entity: a title that only honours goes, a noble's becomes the one he is addressed
 * with, and a given name is shortened to an initial where the initial would be read as this very name.
 */
export function personEntity(key: string): string {
  const words = key.split(" ");
  const [first = "", ...rest] = words;
  const [second = ""] = rest;
  if (second === "") return SHORT.get(first) ?? key;
  // Somebody’s wife: the name within is another's.
  if (key.includes("’s ")) return key;
  const title = titleOf(first);
  if (title === undefined) return givenEntity(words);
  const named = rest.length >= 2;
  switch (title.sort) {
    case "lord":
    case "lady":
      return [title.sort, ...(second === "of" && named ? rest.slice(1) : rest)].join(" ");
    case "sir":
      return named && second !== "of" ? [initialOf(second), ...rest.slice(1)].join(" ") : key;
    case "mr":
      return rest.join(" ");
    case "woman":
      return named && !isInitial(second) ? rest.join(" ") : key;
    default:
      return named && !CROWNED.has(title.normal) && isGiven(second) ? rest.join(" ") : key;
  }
}

function givenEntity(words: readonly string[]): string {
  const [first = "", ...rest] = words;
  const given = SHORT.get(first) ?? first;
  return [NAME_OF_INITIAL.get(given) ?? given, ...rest].join(" ");
}

function titleOf(word: string): Title | undefined {
  return TITLES.get(word.endsWith(".") ? word.slice(0, -1) : word);
}

function isGiven(word: string): boolean {
  return isInitial(word) || GIVEN.has(word) || SHORT.has(word) || titleOf(word) !== undefined;
}

function isInitial(word: string): boolean {
  return word.length === 2 && word.endsWith(".");
}

/** A knight has one given name that counts, and his fellows write its initial. A title in its place is left. */
function initialOf(word: string): string {
  return isInitial(word) || titleOf(word) !== undefined ? word : `${String.fromCodePoint(word.codePointAt(0)!)}.`;
}
