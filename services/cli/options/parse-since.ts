import { parseDurationS } from "./parse-duration.ts";
import { type Instant, looksLikeInstant, parseInstant } from "./parse-instant.ts";

const YEAR_1_S = -62_135_596_800;

/** An instant, or how long ago it was, in seconds. */
export type Since = Instant | { readonly agoS: number };

/** A date, a time, or a length of time before now: `1660-01-31`, `2d`. Throws an Error that says what is wanted. */
export function parseSince(text: string): Since {
  if (/^\d+[a-z]$/i.test(text)) return { agoS: parseDurationS(text) };
  if (looksLikeInstant(text)) return parseInstant(text);
  throw new Error(
    "must be a date (1660-01-31), a time with its zone (1660-01-31T09:30:00Z), or how long ago (1d, 24h)",
  );
}

/** The instant that is meant at the time `nowMs`, but none before year 1. */
export function instantOf(since: Since, nowMs: number): Instant {
  if ("seconds" in since) return since;
  const seconds = Math.max(YEAR_1_S, Math.floor(nowMs / 1000) - since.agoS);
  return { seconds: BigInt(seconds), nanos: 0 };
}
