/** A lexeme as a tsquery reads it. */
export function lexemeQuery(lexeme: string): string {
  return `'${lexeme.replaceAll(/['\\]/g, (special) => special + special)}'`;
}

/** What holds any of the lexemes, as a tsquery. */
export function anyLexeme(lexemes: readonly string[]): string {
  return lexemes.map(lexemeQuery).join(" | ");
}
