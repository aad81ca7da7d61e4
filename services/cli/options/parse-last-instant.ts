import { type Instant, parseInstant } from "./parse-instant.ts";

const DAY_S = 86_400n;
const YEAR_9999_END: Instant = { seconds: 253_402_300_799n, nanos: 999_999_999 };

/**
 * The end of a time as people name it, for a range that excludes its end: a date alone stands for all of its day. Throws an Error that
 * says what is wanted.
 */
export function parseLastInstant(text: string): Instant {
  const instant = parseInstant(text);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return instant;
  const seconds = instant.seconds + DAY_S;
  return seconds > YEAR_9999_END.seconds ? YEAR_9999_END : { seconds, nanos: 0 };
}
