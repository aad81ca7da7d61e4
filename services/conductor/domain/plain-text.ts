/** An apostrophe in a typesetter's hand; the hyphens that look like the one on every keyboard. */
const APOSTROPHES = /[‘’‛ʼ＇]/gu;
const HYPHENS = /[\u2010\u2011]/gu;
/** Signs and spaces beyond ASCII, and the marks of emoji that are then left alone. */
const SIGNS = /(?![\0-\x7F])[\p{P}\p{S}\p{Z}\p{Cc}\u200B\uFEFF]|(?<![\p{L}\p{M}\p{N}])[\p{M}\u200C\u200D]+/gu;

/**
 * A text as it is given to PostgreSQL's text search, when it is indexed and when it is looked for. Where the database's LC_CTYPE is C, as
 * that of our own is, the parser takes all that is not ASCII for letters: `Midsummer’s` was one word, `—` was one, and so was
 * `«zero»`. So words are told apart here, and are the same on every server; what signs are beyond ASCII says nothing. Letters that
 * are written as two characters become one. Not what is shown: places in it may be others than in the text.
 */
export function plainText(text: string): string {
  return text.normalize("NFC").replaceAll(APOSTROPHES, "'").replaceAll(HYPHENS, "-").replaceAll(SIGNS, " ");
}
