/**
 * Where to read on from backticks at `at`: behind the code that they open, or behind them if nothing closes it. At the beginning of a
 * line three of them open a block, which the next such line closes; else a piece of code ends at the next backtick, and does not run
 * over an empty line. Whatever is searched is then stepped over or has no such end at all, so that all of a text takes linear time.
 */
export function skipCode(text: string, at: number, beginsLine: boolean): number {
  let open = at;
  while (text.charCodeAt(open) === 0x60) open += 1;
  if (beginsLine && open - at >= 3) {
    const close = text.indexOf("\n```", open);
    return close < 0 ? open : close + 4;
  }
  const close = text.indexOf("`", open);
  return close < 0 || text.slice(open, close).includes("\n\n") ? open : close + 1;
}
