import { addPerson, formOf } from "./add-sighting.ts";
import { ONLY_KIN } from "./cue-words.ts";
import { GIVEN, PLACE_HEAD, PLAIN, TITLE } from "./lexicon.ts";
import type { Kinsman, ScannedText, Word } from "./scanned-text.ts";
import type { Sightings } from "./sighting.ts";

/**
 * Takes whom the writer names by their relation to him. With a name of two words they are known by it: `my cousin Roger Pepys`; with
 * one, or as the only one of their kind, they are the writer’s: `Samuel Pepys’s uncle Wight`, `Samuel Pepys’s wife`. The relation
 * alone, or to a writer without a name, says too little.
 */
export function takeKin(text: string, scanned: ScannedText, found: Sightings, writer: string): void {
  const { words, kinsmen } = scanned;
  let at = 0;
  for (const kinsman of kinsmen) {
    while (at < words.length && words[at]!.start <= kinsman.end) at += 1;
    const end = nameEnd(words, at, kinsman);
    if (end - at > 1) {
      const last = words[end - 1]!.text;
      addPerson(
        found,
        { form: formOf(text, words, at, end), surname: last, given: words[at]!.text, woman: false },
        words,
        at,
        end,
      );
    } else if (writer !== "" && (end > at || ONLY_KIN.has(kinsman.relation))) {
      const name = end > at ? ` ${words[at]!.text}` : "";
      const { start, passage } = kinsman;
      found.seen.push({ kind: "person", form: `${writer}’s ${kinsman.relation}${name}`, start, passage });
      found.people.fill(1, at, end);
    }
  }
}

function nameEnd(words: readonly Word[], at: number, kinsman: Kinsman): number {
  if (words[at]?.start !== kinsman.end + 1 || !canBeName(words[at])) return at;
  let end = at + 1;
  while (end < at + 3 && words[end]?.joint === "space" && !words[end - 1]!.possessive && canBeName(words[end]!))
    end += 1;
  return end;
}

function canBeName(word: Word): boolean {
  return word.initial || (word.bits & GIVEN) !== 0 || (word.bits & (PLAIN | TITLE | PLACE_HEAD)) === 0;
}
