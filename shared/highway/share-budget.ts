/**
 * The level up to which everybody may be filled, so that together they stay within the total: those who need less than the
 * level get what they need, the others share the rest evenly (max-min fairness, by water-filling; Bertsekas and Gallager,
 * Data Networks, 6.5.2).
 *
 * Infinity: there is enough for all.
 */
export function shareBudget(demands: readonly number[], total: number): number {
  const ascending = [...demands].sort((left, right) => left - right);
  let rest = total;
  for (const [index, demand] of ascending.entries()) {
    const share = rest / (ascending.length - index);
    if (demand > share) {
      return Math.floor(share);
    }
    rest -= demand;
  }
  return Number.POSITIVE_INFINITY;
}
