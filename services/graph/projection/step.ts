import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { FaultRow } from "../domain/graph-rows.ts";
import type { Mention } from "../domain/mention.ts";
import { COMPANY_MAX } from "./contribution.ts";
import type { LogEvent } from "./log-event.ts";

/** One memory on its way into the graph. */
export interface Item {
  readonly memory: Memory;
  /** Undefined: it could not be read. Whoever writes the step tries again. */
  readonly event: LogEvent | undefined;
  /** Set once it is passed over. */
  readonly fault?: FaultRow;
}

/** What is written in one transaction: a module's positions above `after`, up to and including `to`. */
export interface Step {
  readonly module: string;
  readonly after: number;
  readonly to: number;
  readonly epoch: string;
  /** Ascending; at least those positions that say something. */
  readonly items: readonly Item[];
}

/** About how many rows a step writes and how long it takes: by what its memories name, and by the pairs of it that come together. */
export function weightOf({ items }: Step): number {
  return items.reduce((sum, { event }) => sum + (event?.kind === "remembered" ? mentionsWeight(event.mentions) : 1), 0);
}

/** What one memory weighs by its mentions. */
export function mentionsWeight(mentions: readonly Mention[]): number {
  const passages = new Map<number, number>();
  for (const { passages: some } of mentions) {
    for (const passage of some) passages.set(passage, (passages.get(passage) ?? 0) + 1);
  }
  let pairs = 0;
  for (const named of passages.values()) pairs += pairsOf(Math.min(named, COMPANY_MAX));
  // The same two may meet in many passages, and are one pair.
  return 1 + mentions.length + Math.min(pairs, pairsOf(mentions.length));
}

function pairsOf(count: number): number {
  return (count * (count - 1)) / 2;
}

/** The two halves of a step with more than one item. */
export function halvesOf(step: Step): [Step, Step] {
  const middle = Math.ceil(step.items.length / 2);
  const first = step.items.slice(0, middle);
  const to = positionOf(first.at(-1) as Item);
  return [
    { ...step, to, items: first },
    { ...step, after: to, items: step.items.slice(middle) },
  ];
}

/** What is left of a step above a place. */
export function restOf(step: Step, position: number): Step {
  return { ...step, after: position, items: step.items.filter((item) => positionOf(item) > position) };
}

export function positionOf({ memory }: Item): number {
  return Number(memory.position);
}
