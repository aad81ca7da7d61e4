import type { PlacedWord } from "#shared/ranking/words-in.ts";
import { wordsIn } from "#shared/ranking/words-in.ts";
import type { SearchCall, SearchIndex } from "../domain/search-index.ts";

/** A text that is shown, and the language by which its module was indexed. */
export interface ShownText {
  readonly text: string;
  readonly language: string;
}

/** A word of a shown text that was looked for. */
export interface FoundWord extends PlacedWord {
  readonly lexemes: readonly string[];
}

/** Of each text, the words that come to one of the lexemes, in its order. Each different word is asked about once. */
export async function findWords(
  index: SearchIndex,
  call: SearchCall,
  texts: readonly ShownText[],
  wanted: ReadonlySet<string>,
): Promise<FoundWord[][]> {
  const placed = texts.map(({ text, language }) => ({ language, words: wordsIn(text) }));
  const asked = new Map(
    placed.flatMap(({ language, words }) => words.map(({ word }) => [`${language} ${word}`, { word, language }])),
  );
  const lexemes = asked.size === 0 ? [] : await index.readWords(call, [...asked.values()]);
  const lexemesOf = new Map([...asked.keys()].map((key, n) => [key, lexemes[n]!]));
  return placed.map(({ language, words }) =>
    words.flatMap((each) => {
      const found = lexemesOf.get(`${language} ${each.word}`)!.filter((lexeme) => wanted.has(lexeme));
      return found.length === 0 ? [] : [{ ...each, lexemes: found }];
    }),
  );
}

/** How the shown texts write a lexeme: the word that they use most; undefined: none of them has it. */
export function writtenAs(lexeme: string, found: readonly (readonly FoundWord[])[]): string | undefined {
  const words = found.flat().filter(({ lexemes }) => lexemes.includes(lexeme));
  const groups = [...Map.groupBy(words, ({ word }) => word)];
  const [first] = groups.toSorted(([, a], [, b]) => b.length - a.length);
  return first?.[0];
}
