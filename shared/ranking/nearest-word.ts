import type { CountedTerm } from "./choose-terms.ts";

/** Shorter words have too many others beside them. */
const LENGTH_MIN = 4;
/** From this length on, two slips are likelier than another word: of seven letters, `castrat` is two from `contrat`. */
const TWO_SLIPS_LENGTH = 9;

/**
 * The word that was probably meant by one that nobody has written: one slip away (a letter added, left out, changed, or two that
 * changed places), two in long words; of several the nearest, then what begins alike, then the commonest. Numbers are never slips.
 */
export function nearestWord(word: string, known: readonly CountedTerm[]): string | undefined {
  if (word.length < LENGTH_MIN || /\d/.test(word)) return undefined;
  const slipsMax = word.length >= TWO_SLIPS_LENGTH ? 2 : 1;
  const near = known
    .map(({ lexeme, df }) => ({ lexeme, df, slips: slipsBetween(word, lexeme), alike: lexeme[0] === word[0] }))
    .filter(({ slips, lexeme }) => slips <= slipsMax && lexeme.length >= LENGTH_MIN - 1 && !/\d/.test(lexeme));
  const [best] = near.sort(
    (a, b) => a.slips - b.slips || Number(b.alike) - Number(a.alike) || b.df - a.df || (a.lexeme < b.lexeme ? -1 : 1),
  );
  return best?.lexeme;
}

/** The optimal string alignment distance (Damerau 1964): changes of letters, and of neighbouring ones that are swapped. */
function slipsBetween(a: string, b: string): number {
  let [twoBefore, before]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = before[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(changed, before[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, twoBefore[j - 2]! + 1);
      row.push(least);
    }
    [twoBefore, before] = [before, row];
  }
  return before[b.length]!;
}
