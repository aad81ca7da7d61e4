import { AMBIGUOUS_GIVEN_NAMES, GIVEN_NAMES, SHORT_GIVEN_NAMES } from "./given-names.ts";
import { ORGANISATION_HEADS, ORGANISATION_NAMES, ORGANISATION_OPENERS } from "./organisation-names.ts";
import {
  AMBIGUOUS_PLACES,
  PLACE_HEADS,
  PLACE_NAMES,
  PLACE_OPENERS,
  PLACES_WITH_ARTICLE,
  SIGNS,
} from "./place-names.ts";
import { PLAIN_WORDS } from "./plain-words.ts";
import { SHORT_TITLES, TITLES } from "./titles.ts";

/** What is known of a capitalised word: bits of a number, because every one of a text is looked up. */
export const TITLE = 1;
export const GIVEN = 2;
export const AMBIGUOUS = 4;
export const PLACE = 8;
export const PLACE_HEAD = 16;
export const ORGANISATION = 32;
export const ORGANISATION_HEAD = 64;
export const ORGANISATION_OPENER = 128;
export const PLAIN = 256;
export const SIGN = 512;
export const WITH_ARTICLE = 1024;
/** A full stop after it ends no sentence. */
export const SHORTENED = 2048;
export const PLACE_OPENER = 4096;
/** A name of several words begins with it. */
export const BEGINS_PLACE = 8192;
export const BEGINS_ORGANISATION = 16384;

/** The capitalised words that the rules know, and the names of several words, as they are written. */
export const LEXICON: ReadonlyMap<string, number> = lexicon();

function lexicon(): ReadonlyMap<string, number> {
  const bits = new Map<string, number>();
  const mark = (words: Iterable<string>, bit: number) => {
    for (const word of words) bits.set(word, (bits.get(word) ?? 0) | bit);
  };
  mark(GIVEN_NAMES, GIVEN);
  mark(AMBIGUOUS_GIVEN_NAMES, GIVEN | AMBIGUOUS);
  mark(SHORT_GIVEN_NAMES.keys(), SHORTENED);
  mark(PLACE_NAMES, PLACE);
  mark(AMBIGUOUS_PLACES, AMBIGUOUS);
  mark(PLACE_HEADS, PLACE_HEAD);
  mark(PLACE_OPENERS, PLACE_OPENER);
  mark(SIGNS, SIGN);
  mark(PLACES_WITH_ARTICLE, WITH_ARTICLE);
  mark(ORGANISATION_NAMES, ORGANISATION);
  mark(ORGANISATION_HEADS, ORGANISATION_HEAD);
  mark(ORGANISATION_OPENERS, ORGANISATION_OPENER);
  mark(PLAIN_WORDS, PLAIN);
  mark(firstWords(PLACE_NAMES), BEGINS_PLACE);
  mark(firstWords(ORGANISATION_NAMES), BEGINS_ORGANISATION);
  mark(capitalised(TITLES.keys()), TITLE);
  mark(capitalised(SHORT_TITLES), SHORTENED);
  mark(["St"], SHORTENED);
  return bits;
}

function firstWords(names: readonly string[]): string[] {
  return names.filter((name) => name.includes(" ")).map((name) => name.slice(0, name.indexOf(" ")));
}

function capitalised(words: Iterable<string>): string[] {
  return [...words].map((word) => word.charAt(0).toUpperCase() + word.slice(1));
}
