// How many columns a text takes on a terminal.
//
// Terminals differ where Unicode leaves it open: then the larger number is taken here, so that a line that is said to fit does. The wide
// characters are those of Unicode 16's EastAsianWidth (W and F), in whole blocks where all of a block's letters are.

/** Characters that take two columns: East Asian scripts with their punctuation, full-width forms, pictographs. */
const WIDE =
  /[\u1100-\u115F\u2329\u232A\u2630-\u2637\u268A-\u268F\u2E80-\u303E\u3041-\u3247\u3250-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE10-\uFE19\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{16FE0}-\u{18DFF}\u{1AFF0}-\u{1B2FF}\u{1D300}-\u{1D356}\u{1D360}-\u{1D376}\u{1F200}-\u{1F265}\u{20000}-\u{3FFFD}\p{Emoji_Presentation}]/u;
/** Characters that take none: marks on the letter before. */
const ZERO = /[\p{Mn}\p{Me}\p{Cf}]/u;
/** Asks for the character before it as a pictograph, which has two columns. */
const AS_PICTOGRAPH = "\uFE0F";
/** Texts of these alone, which nearly all are, need no look at each character. */
const PLAIN = /^[\x20-\x7E]*$/;

const SEGMENTER = new Intl.Segmenter("en", { granularity: "grapheme" });

/** How many columns a text takes on a terminal, if it has nothing that a terminal acts upon. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  let before = 0;
  for (const character of text) {
    before = widthOf(character, before);
    columns += before;
  }
  return columns;
}

/** What a reader takes for characters, each with its columns: a letter with its marks, a flag of two letters. */
export function* graphemesOf(text: string): Generator<readonly [grapheme: string, columns: number]> {
  if (PLAIN.test(text)) for (const character of text) yield [character, 1];
  else for (const { segment } of SEGMENTER.segment(text)) yield [segment, columnsOf(segment)];
}

function widthOf(character: string, before: number): number {
  if (character < "\u0300") return 1;
  if (character === AS_PICTOGRAPH) return before === 1 ? 1 : 0;
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
