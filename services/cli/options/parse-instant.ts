/** What a `google.protobuf.Timestamp` is made from; plain, so that reading options loads no protobuf. */
export interface Instant {
  readonly seconds: bigint;
  readonly nanos: number;
}

const SHAPE =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2})))?$/;
const YEAR_1_S = -62_135_596_800;
const YEAR_9999_END_S = 253_402_300_799;

/** Whether a text is written as an instant, be there such a day or not. */
export function looksLikeInstant(text: string): boolean {
  return SHAPE.test(text);
}

/**
 * An instant from RFC 3339, or a date alone for its midnight in UTC; years 1 to 9999, proleptic Gregorian calendar.
 *
 * Stricter than `Date.parse`, which takes the 30th of February for the 2nd of March. Throws an Error that says what is wanted.
 */
export function parseInstant(text: string): Instant {
  const match = SHAPE.exec(text);
  if (match === null) throw new Error("must be a date (1660-01-31) or a time with its zone (1660-01-31T09:30:00Z)");
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as Six;
  const date = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for those of the 20th century.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)
    throw new Error(`there is no ${text.slice(0, 10)}`);
  const offset = offsetSeconds(match[8], Number(match[9] ?? 0), Number(match[10] ?? 0));
  if (hour > 23 || minute > 59 || second > 59) throw new Error(`there is no time ${text.slice(11, 19)}`);
  const seconds = date.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset;
  if (seconds < YEAR_1_S || seconds > YEAR_9999_END_S) throw new Error("must lie within the years 1 to 9999");
  const nanos = Number((match[7] ?? "").padEnd(9, "0"));
  return { seconds: BigInt(seconds), nanos };
}

type Six = [number, number, number, number, number, number];

function offsetSeconds(sign: string | undefined, hours: number, minutes: number): number {
  if (hours > 23 || minutes > 59) throw new Error("the zone must be Z or from -23:59 to +23:59");
  return (sign === "-" ? -1 : 1) * (hours * 3600 + minutes * 60);
}
