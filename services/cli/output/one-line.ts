// Controls, bidirectional overrides and the like would let a text rewrite the terminal it is shown on.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const SPACES = /\s+/gu;
/** Characters that take two columns: East Asian scripts and pictographs. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uFF01-\uFF60]/u;
const COMBINING = /\p{M}/u;

/** The text on a single line, without anything that a terminal would act upon. */
export function oneLine(text: string): string {
  return text.replace(SPACES, " ").replace(UNSAFE, "").trim();
}

/** The text as it is, line by line, without anything else that a terminal would act upon. */
export function safeLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replaceAll("\t", "    ").replace(UNSAFE, ""));
}

/** The text's first columns, the last of them an ellipsis if something is left out. */
export function shorten(text: string, columns: number): string {
  let used = 0;
  let end = 0;
  let cut = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > columns) return `${text.slice(0, cut)}…`;
    end += character.length;
    if (used < columns) cut = end;
  }
  return text;
}

/** How many columns a text takes on a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += widthOf(character);
  return columns;
}

function widthOf(character: string): number {
  if (character < "\u0300") return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
