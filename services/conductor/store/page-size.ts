const unset = 50;
const most = 1000;

/** How many items a page may have: what was asked, by default 50, never over 1,000. */
export function pageSizeOf(asked: number): number {
  return asked === 0 ? unset : Math.min(asked, most);
}
