// Walks the graph from a node, breadth first.
//
//  T1  Each node is met once, at its least distance from the start.
//  T2  The order is total: by distance, then the greatest count of a relationship that leads there from the level before, then id. The
//      relationship by which a node is met is that one (of several the one of the lowest id).
//  T3  No more than `limit` nodes are met, no more than `fanOut` relationships of a node are followed (those of the greatest count, then the
//      latest), and no more than 200,000 are looked at in all. What any of these leaves out is told by `truncated`.
//  T4  A level is expanded in few questions of bounded size, never node by node.
import type { Step } from "./graph-store.ts";

/** Of each node its first `fanOut` relationships, in the order of neighbors; in any order. A step's `from` is the node that was asked. */
export type Expand = (nodes: readonly string[], fanOut: number) => Promise<readonly Step[]>;

export interface TraverseQuery {
  readonly start: string;
  /** How many relationships away at most. */
  readonly depth: number;
  /** How many nodes at most, the start included. */
  readonly limit: number;
  readonly fanOut: number;
}

export interface Met {
  readonly id: string;
  readonly depth: number;
  /** The relationship by which it was met; undefined: the start. */
  readonly edge: string | undefined;
}

/** T3. */
const STEPS_MAX = 200_000;
/** T4. */
const STEPS_TOGETHER_MAX = 20_000;

/** Meets the nodes around one, the nearest first. */
export async function traverse(expand: Expand, query: TraverseQuery): Promise<{ met: Met[]; truncated: boolean }> {
  const met: Met[] = [{ id: query.start, depth: 0, edge: undefined }];
  const seen = new Set([query.start]);
  const budget = { steps: STEPS_MAX };
  let truncated = false;
  let frontier = [query.start];
  for (let depth = 1; depth <= query.depth && frontier.length > 0; depth += 1) {
    const room = query.limit - met.length;
    const level = await expandLevel(expand, { frontier, fanOut: query.fanOut, seen, full: room === 0, budget });
    const found = [...level.best.values()].sort(byStrength).slice(0, room);
    truncated ||= level.cut || found.length < level.best.size;
    for (const { to, edge } of found) {
      seen.add(to);
      met.push({ id: to, depth, edge });
    }
    frontier = found.map(({ to }) => to);
  }
  return { met, truncated };
}

interface Level {
  readonly frontier: readonly string[];
  readonly fanOut: number;
  readonly seen: ReadonlySet<string>;
  /** No node has room any more: all that is asked is whether there is one. */
  readonly full: boolean;
  readonly budget: { steps: number };
}

/** What is new one step further on, each with the strongest relationship that leads there; and whether something was left out. */
async function expandLevel(
  expand: Expand,
  { frontier, fanOut, seen, full, budget }: Level,
): Promise<{ best: Map<string, Step>; cut: boolean }> {
  const best = new Map<string, Step>();
  let cut = false;
  // One more than is followed tells whether there are more.
  const together = Math.max(1, Math.floor(STEPS_TOGETHER_MAX / (fanOut + 1)));
  for (let n = 0; n < frontier.length; n += together) {
    if (budget.steps <= 0) return { best, cut: true };
    const followed = await expand(frontier.slice(n, n + together), fanOut + 1);
    budget.steps -= followed.length;
    for (const steps of byNode(followed).values()) {
      if (steps.length > fanOut) cut = true;
      for (const step of steps.sort(byCount).slice(0, fanOut)) {
        if (!seen.has(step.to)) keepStronger(best, step);
      }
    }
    if (full && best.size > 0) return { best, cut: true };
  }
  return { best, cut };
}

function keepStronger(best: Map<string, Step>, step: Step): void {
  const known = best.get(step.to);
  if (known === undefined || byCount(step, known) < 0) best.set(step.to, step);
}

/** Steps by the node that they lead from. */
export function byNode(steps: readonly Step[]): Map<string, Step[]> {
  const groups = new Map<string, Step[]>();
  for (const step of steps) {
    const group = groups.get(step.from);
    if (group === undefined) groups.set(step.from, [step]);
    else group.push(step);
  }
  return groups;
}

function byCount(left: Step, right: Step): number {
  return right.count - left.count || compareText(left.edge, right.edge);
}

function byStrength(left: Step, right: Step): number {
  return right.count - left.count || compareText(left.to, right.to);
}

/** Compares ids as the engines do: byte by byte (they are ASCII). */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
