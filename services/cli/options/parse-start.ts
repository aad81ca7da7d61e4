import { type Instant, looksLikeInstant, parseInstant } from "./parse-instant.ts";

/** Where to start; a position is the first that is wanted, of the only module if none is said. */
export type GivenStart =
  | "beginning"
  | "end"
  | Instant
  | { readonly module: string | undefined; readonly position: bigint };

const PLACE = /^(?:([a-z][a-z0-9]*(?:_[a-z0-9]+)*)\/)?([1-9]\d{0,15})$/;

/** `beginning`, `end`, `2026-11-01`, `40` or `pepys/40`. Throws an Error that says what is wanted. */
export function parseStart(text: string): GivenStart {
  if (text === "beginning" || text === "end") return text;
  const [, module, position] = PLACE.exec(text) ?? [];
  if (position !== undefined) return { module, position: BigInt(position) };
  if (looksLikeInstant(text)) return parseInstant(text);
  throw new Error("must be beginning, end, a date or time, or a position such as 40 or pepys/40");
}
