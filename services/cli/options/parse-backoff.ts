/** How long events rest after failures, in milliseconds. */
export interface GivenBackoff {
  readonly initialMs: number;
  readonly maxMs: number | undefined;
}

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SHAPE = /^(\d{1,6})(ms|s|m|h|d)(?:\.\.(\d{1,6})(ms|s|m|h|d))?$/;

/** `1s..5m`: first so long, then doubled up to that; `1s` alone leaves the most as it is. Throws an Error that says what is wanted. */
export function parseBackoff(text: string): GivenBackoff {
  const [, initial, unit, max, maxUnit] = SHAPE.exec(text) ?? [];
  if (initial === undefined) throw new Error("must be a length of time, or two with the longest last, such as 1s..5m");
  const ms = (count: string, of: string | undefined): number => Number(count) * UNITS_MS[of as keyof typeof UNITS_MS];
  return { initialMs: ms(initial, unit), maxMs: max === undefined ? undefined : ms(max, maxUnit) };
}
