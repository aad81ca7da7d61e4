import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Cli } from "../cli.ts";
import type { Connection } from "../connection/with-connection.ts";
import { countOf } from "../output/count-of.ts";
import { memoryLine } from "../output/format-memory.ts";
import { oneLine } from "../output/one-line.ts";
import type { Output } from "../output/output.ts";
import type { ForgetTotals } from "./count-selections.ts";
import { sampleMemories } from "./sample-memories.ts";
import { describeSelections, type Selection } from "./selection.ts";

/** How many are enough to see whether it is what was meant. */
const SHOWN_MAX = 5;

/** Shows what would be forgotten: how many, and the first few of them. */
export async function showSelections(
  cli: Cli,
  output: Output,
  connection: Pick<Connection, "conductor">,
  selections: readonly Selection[],
  totals: ForgetTotals,
): Promise<void> {
  const shown: Memory[] = [];
  for (const selection of selections) {
    if (shown.length >= SHOWN_MAX) break;
    shown.push(...(await sampleMemories(connection, selection, SHOWN_MAX - shown.length, cli.terminal.signal)));
  }
  await output.line(`${summaryOf(selections, totals)}${shown.length === 0 ? "" : ", such as:"}`);
  for (const memory of shown) await output.line(`  ${memoryLine(output, memory)}`);
}

/** Says what was done, and where it may still be. */
export async function tellForgotten(
  { out, err }: Cli,
  selections: readonly Selection[],
  totals: ForgetTotals,
): Promise<void> {
  await out.line(`forgot ${memories(totals.forgotten)}${nameOf(selections)}${othersOf(totals)}`);
  const redis = totals.highwayCleared
    ? "gone from the log and from Redis"
    : "gone from the log; Redis could not be reached and is cleared before it serves again";
  await err.line(`cos: what they said is ${redis}; their places stay`);
  await err.line(
    "cos: backups hold it until they expire: after restoring one, `cos memories forget --ledger` forgets it again",
  );
}

/** `12 memories to forget of session 1234 in module cc (3 forgotten before, 1 not there)`. */
export function summaryOf(selections: readonly Selection[], totals: ForgetTotals): string {
  return `${memories(totals.found)} to forget${nameOf(selections)}${othersOf(totals)}`;
}

function memories(count: number): string {
  return countOf(count, "memory", "memories");
}

function nameOf(selections: readonly Selection[]): string {
  const name = oneLine(describeSelections(selections));
  return name === "" ? "" : ` ${name}`;
}

function othersOf({ alreadyForgotten, missing }: ForgetTotals): string {
  const parts = [
    ...(alreadyForgotten > 0 ? [`${alreadyForgotten.toLocaleString("en")} forgotten before`] : []),
    ...(missing > 0 ? [`${missing.toLocaleString("en")} not there`] : []),
  ];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
