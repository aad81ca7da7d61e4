const UNITS_S = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;
const SHAPE = /^(\d{1,9})([smhdw])$/;

/** A length of time such as `90m`, `24h` or `30d`, in seconds. Throws an Error that says what is wanted. */
export function parseDurationS(text: string): number {
  const [, count, unit] = SHAPE.exec(text) ?? [];
  if (count === undefined) throw new Error("must be a length of time, such as 90m, 24h or 30d");
  return Number(count) * UNITS_S[unit as keyof typeof UNITS_S];
}
