import type { Connection } from "../connection/with-connection.ts";
import type { Selection } from "./selection.ts";

/** What a forgetting comes to, as `--json` prints it. */
export interface ForgetTotals {
  /** There were to forget. */
  found: number;
  /** Were forgotten. */
  forgotten: number;
  /** Had been forgotten before. */
  alreadyForgotten: number;
  /** Are not there. */
  missing: number;
  /** Redis holds nothing of them any more. */
  highwayCleared: boolean;
}

/** A selection in which there is something to forget. */
export interface CountedSelection extends Selection {
  readonly found: number;
}

/** Counts what the selections take in; changes nothing. */
export async function countSelections(
  { conductor }: Pick<Connection, "conductor">,
  selections: readonly Selection[],
  reason: string,
  signal: AbortSignal,
): Promise<{ totals: ForgetTotals; counted: CountedSelection[] }> {
  const counted: CountedSelection[] = [];
  const totals: ForgetTotals = { found: 0, forgotten: 0, alreadyForgotten: 0, missing: 0, highwayCleared: true };
  for (const selection of selections) {
    const before = totals.found;
    for await (const frame of conductor.forgetMemories({ ...selection, reason, dryRun: true }, { signal })) {
      totals.found += Number(frame.found);
      totals.alreadyForgotten += Number(frame.alreadyForgotten);
      totals.missing += Number(frame.missing);
    }
    const found = totals.found - before;
    if (found > 0) counted.push({ ...selection, found });
  }
  return { totals, counted };
}
