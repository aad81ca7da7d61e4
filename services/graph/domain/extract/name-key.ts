import type { EntityKind } from "../mention.ts";
import { personEntity } from "./person-entity.ts";
import { TITLES } from "./titles.ts";
import { urlKey } from "./url-key.ts";

const KEY_MAX = 200;
/** What is left of a longer form before it is worked upon: brackets and spaces in it may still go. */
const FORM_MAX = 2 * KEY_MAX;

/**
 * The normal form of a name as it was written, at most 200 characters: composed (NFC), in small letters, with curly apostrophes, one
 * space between words, titles written alike, and without brackets, what introduces it and the possessive. A form of signs alone gives
 * "". A normal form is its own.
 */
export function mentionKeyOf(kind: EntityKind, form: string): string {
  if (kind === "url") return settle(form, (written) => urlKey(written, KEY_MAX));
  // Most names are a few words of plain letters: they need one step, and extraction asks for many.
  if (form.length <= KEY_MAX && SIMPLE.test(form)) return simpleKey(kind, form.toLowerCase());
  return settle(wellFormedStart(form, FORM_MAX), (written) => normalised(kind, written));
}

/**
 * The entity that a name stands for unless people say otherwise, from its normal form: `sir william batten`, `sir w. batten` and
 * `william batten` are one, `mrs. pierce` and `mr. pierce` are two. An entity's key is its own.
 */
export function entityKeyOf(kind: EntityKind, mentionKey: string): string {
  switch (kind) {
    case "person":
      return settle(mentionKey, personEntity);
    case "place":
      return settle(mentionKey, placeEntity);
    case "organisation":
      return settle(mentionKey, organisationEntity);
    case "concept":
      return settle(mentionKey, (key) => key.replace(/[-_ ]+/g, " ").trim() || key);
    default:
      return mentionKey;
  }
}

/** Applies a rule until it changes nothing more; a rule only cuts and settles, so that a few rounds do, and 16 always end. */
function settle(key: string, rule: (key: string) => string): string {
  let before = key;
  for (let round = 0; round < 16; round++) {
    const after = rule(before);
    if (after === before) break;
    before = after;
  }
  return before;
}

const SIMPLE = /^[A-Za-z][A-Za-z.-]*(?: [A-Za-z][A-Za-z.-]*)*$/;

function simpleKey(kind: EntityKind, key: string): string {
  if (kind === "person") return INITIALS.test(key) ? normalised(kind, key) : titledAlike(key);
  return kind === "place" || kind === "organisation" ? key.replace(/^(?:the )+/, "") : key;
}

/** An initial that may want its full stop or its space. */
const INITIALS = /(?:^|[ .])[a-z](?: |\.[^ ])/;

function normalised(kind: EntityKind, written: string): string {
  const spaced = folded(written);
  const cut = wellFormedStart(kind === "person" ? personName(spaced) : spaced, KEY_MAX).trim();
  switch (kind) {
    case "person":
      return cut.replace(/^@+ ?/, "").replace(/’s?$/, "").trim();
    case "organisation":
      return cut
        .replace(/^the (?=.)/, "")
        .replace(/’s?$/, "")
        .trim();
    case "concept":
      return cut.replace(/^#+ ?/, "").trim();
    case "place":
      return cut.replace(/^(?:the |’)(?=.)/, "").trim();
    default:
      return cut;
  }
}

function folded(written: string): string {
  // NFC again, because small letters of some scripts are composed otherwise than their capitals.
  return (
    written
      .normalize("NFC")
      .toLowerCase()
      .normalize("NFC")
      .replace(/[[\]{}"“”«»]/g, "")
      // Kept for entities that are one name exactly (decide-naming.ts).
      .replace(/^[=\s]+/, "")
      .replace(/['‘ʼ`´]/g, "’")
      .replace(/\s+/g, " ")
      .trim()
  );
}

/** Initials apart and with their full stop, titles alike: `capt w.batten` is `captain w. batten`. */
function personName(spaced: string): string {
  return titledAlike(spaced)
    .replace(/(?<!\p{L})(\p{L})\.(?=\p{L})/gu, "$1. ")
    .replace(/(?<!\S)(\p{L})(?= )/gu, "$1.");
}

/** Without what introduces a name, and with the titles before it as they are written in keys. */
function titledAlike(spaced: string): string {
  let name = spaced;
  let titles = "";
  for (let space = name.indexOf(" "); space > 0; space = name.indexOf(" ")) {
    const word = name.slice(0, space);
    const title = TITLES.get(word.endsWith(".") ? word.slice(0, -1) : word);
    if (title !== undefined) titles += `${title.normal} `;
    else if (titles !== "" || (word !== "the" && word !== "my")) break;
    name = name.slice(space + 1);
  }
  return titles + name;
}

/** Other names of well known places. */
const PLACES: ReadonlyMap<string, string> = new Map([
  ["usa", "united states"],
  ["u.s.a.", "united states"],
  ["united states of america", "united states"],
  ["uk", "united kingdom"],
  ["u.k.", "united kingdom"],
  ["white hall", "whitehall"],
  ["hide park", "hyde park"],
  ["fox hall", "vauxhall"],
  ["foxhall", "vauxhall"],
  ["chelsey", "chelsea"],
  ["deale", "deal"],
  ["change", "exchange"],
  ["miter", "mitre"],
  ["white friars", "whitefriars"],
  ["charing crosse", "charing cross"],
  ["surry", "surrey"],
]);

function placeEntity(key: string): string {
  const plain = key
    .replace(/[- ]+/g, " ")
    .replace(/^saint |^st (?=.)/, "st. ")
    .trim();
  return PLACES.get(plain) ?? (plain || key);
}

/** Without its legal form (`acme ltd`), and whether `of` or `for` something. */
function organisationEntity(key: string): string {
  const plain = key
    .replace(/[-, ]+/g, " ")
    .replace(/ (?:of|for) (?:the )?/g, " of ")
    .trim();
  return plain.replace(/ (?:inc|ltd|llc|gmbh|corp|plc)\.?$/, "") || key;
}

/** The first characters, without half of a pair. */
function wellFormedStart(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}
