/** How many items a page may have: what was asked, by default 50, never over 1,000; or as the list's contract says. */
export function pageSizeOf(asked: number, { unset = 50, most = 1000 } = {}): number {
  return asked === 0 ? unset : Math.min(asked, most);
}
