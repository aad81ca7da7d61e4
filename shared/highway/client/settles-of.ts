import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Settle, type Settle_Outcome, SettleSchema } from "#gen/cos/highway/v1/consuming_pb.ts";

/** What may be said of why, in characters (cos.highway.v1.Settle). */
const ERROR_LENGTH_MAX = 2000;
/** How long a retry may be put off, in milliseconds: 7 days. */
const DELAY_MAX_MS = 7 * 86_400_000;

/** What became of one delivery. */
export interface Settlement {
  readonly module: string;
  readonly position: number;
  readonly outcome: Settle_Outcome;
  readonly error?: string;
  readonly delayMs?: number;
}

/** Within what may be asked; what is no number is the longest. */
function delayOf(delayMs: number): number {
  return Number.isNaN(delayMs) ? DELAY_MAX_MS : Math.min(DELAY_MAX_MS, Math.max(0, delayMs));
}

/** What is to be said in one go: as few messages as say it all, in the order in which it came about. */
export function settlesOf(settlements: readonly Settlement[], generation: bigint): Settle[] {
  const settles = new Map<string, Settle>();
  for (const { module, position, outcome, error = "", delayMs } of settlements) {
    const name = JSON.stringify([module, outcome, error, delayMs]);
    const settle = settles.get(name) ?? create(SettleSchema, { module, generation, outcome });
    if (!settles.has(name)) {
      settle.error = error.replaceAll("\0", "").slice(0, ERROR_LENGTH_MAX).toWellFormed();
      if (delayMs !== undefined) settle.delay = durationFromMs(delayOf(delayMs));
      settles.set(name, settle);
    }
    settle.positions.push(BigInt(position));
  }
  return [...settles.values()];
}
