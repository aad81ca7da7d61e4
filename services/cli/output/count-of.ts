/** A number with its noun: `1 memory`, `1,204 memories`. */
export function countOf(count: bigint | number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 || count === 1n ? one : many}`;
}
