// Finds a shortest way between two nodes, searching from both ends.
//
//  P1  The way is as short as any, if there is one of at most `depth` relationships.
//  P2  Of all ways of that length it is one whose weakest relationship is the strongest by count. What is equal in that is decided by
//      counts and ids alone, so that the same graph gives the same way in every engine.
//  P3  The search ends when it has met 50,000 nodes, or looked at about 500,000 relationships: without a way then, it says so by `truncated`.
//  P4  Relationships are followed as seen from the start: on the far side the other way round.
//  P5  A level costs few questions of bounded size; whoever has more relationships than most is asked again, for ten times as many.
import type { Step } from "./graph-store.ts";
import { byNode, compareText, type Expand } from "./traverse.ts";

export interface PathQuery {
  readonly from: string;
  readonly to: string;
  /** How many relationships long at most. */
  readonly depth: number;
}

/** The way: its nodes with both ends, and the ids of the relationships between them, one fewer. */
export interface Path {
  readonly nodes: string[];
  readonly edges: string[];
}

/** P3. */
const LIMITS = { nodes: 50_000, steps: 500_000 } as const;
/** P5. */
const FAN_OUT_FIRST = 100;
const STEPS_TOGETHER_MAX = 20_000;

/** How a node was reached from its end. */
interface Reached {
  /** The node before it, nearer to the end that was started from; empty: it is that end. */
  readonly parent: string;
  readonly edge: string;
  readonly count: number;
  /** The least count on the way to it. */
  readonly weakest: number;
}

/** One end's half of the search. */
interface Side {
  readonly expand: Expand;
  readonly reached: Map<string, Reached>;
  frontier: string[];
}

/** Undefined: there is no way of that length, or (`truncated`) none was found within the limit. `forward` leads from the start, `backward` to the goal. */
export async function shortestPath(
  forward: Expand,
  backward: Expand,
  { from, to, depth }: PathQuery,
  limits: { readonly nodes: number; readonly steps: number } = LIMITS,
): Promise<{ path: Path | undefined; truncated: boolean }> {
  const budget = { steps: limits.steps };
  const [near, far] = [openSide(forward, from), openSide(backward, to)];
  for (let length = 1; length <= depth && near.frontier.length > 0 && far.frontier.length > 0; length += 1) {
    const [side, other] = near.frontier.length <= far.frontier.length ? [near, far] : [far, near];
    const full = await advance(side, limits.nodes - near.reached.size - far.reached.size, budget);
    const middle = meetingOf(side, other);
    if (middle !== undefined) return { path: pathThrough(middle, near, far), truncated: false };
    if (full) return { path: undefined, truncated: true };
  }
  return { path: undefined, truncated: false };
}

function openSide(expand: Expand, end: string): Side {
  const reached: Reached = { parent: "", edge: "", count: Number.POSITIVE_INFINITY, weakest: Number.POSITIVE_INFINITY };
  return { expand, reached: new Map([[end, reached]]), frontier: [end] };
}

/** How many more relationships may be looked at (P3). */
interface Budget {
  steps: number;
}

/** Goes one level on. Answers whether it had to stop, because it has met or looked at as much as it may (P3). */
async function advance(side: Side, room: number, budget: Budget): Promise<boolean> {
  const level = new Map<string, Reached>();
  let full = false;
  for await (const steps of stepsFrom(side, room, budget)) {
    for (const step of steps) {
      if (side.reached.has(step.to)) continue;
      const reached = reachedBy(side, step);
      const known = level.get(step.to);
      if (known === undefined || compareReached(reached, known) < 0) level.set(step.to, reached);
    }
    full = level.size >= room || budget.steps <= 0;
    if (full) break;
  }
  side.frontier = [...level.keys()].sort(compareText);
  for (const [id, reached] of level) side.reached.set(id, reached);
  return full;
}

/** All relationships of the side's frontier, some at a time (P5). Beyond `room` of a single node there is nothing to be gained. */
async function* stepsFrom({ expand, frontier }: Side, room: number, budget: Budget): AsyncGenerator<readonly Step[]> {
  let rest: readonly string[] = frontier;
  for (let fanOut = FAN_OUT_FIRST; rest.length > 0; fanOut *= 10) {
    const together = Math.max(1, Math.floor(STEPS_TOGETHER_MAX / fanOut));
    const larger: string[] = [];
    for (let n = 0; n < rest.length; n += together) {
      const followed = await expand(rest.slice(n, n + together), fanOut);
      budget.steps -= followed.length;
      const asked = byNode(followed);
      const whole = [...asked].filter(([, steps]) => steps.length < fanOut || fanOut > room);
      yield whole.flatMap(([, steps]) => steps);
      if (whole.length < asked.size) for (const [id, steps] of asked) if (steps.length >= fanOut) larger.push(id);
    }
    rest = larger.sort(compareText);
  }
}

function reachedBy({ reached }: Side, { from, edge, count }: Step): Reached {
  return { parent: from, edge, count, weakest: Math.min(count, reached.get(from)?.weakest ?? count) };
}

function compareReached(left: Reached, right: Reached): number {
  return right.weakest - left.weakest || right.count - left.count || compareText(left.edge, right.edge);
}

/** Of the nodes that were met now and that the other side knows the one on the strongest way. */
function meetingOf(side: Side, other: Side): string | undefined {
  const strength = (id: string) =>
    Math.min(side.reached.get(id)?.weakest as number, other.reached.get(id)?.weakest as number);
  return side.frontier
    .filter((id) => other.reached.has(id))
    .sort((left, right) => strength(right) - strength(left) || compareText(left, right))[0];
}

function pathThrough(middle: string, near: Side, far: Side): Path {
  const [before, after] = [wayTo(middle, near), wayTo(middle, far)];
  return {
    nodes: [...before.nodes.reverse(), middle, ...after.nodes],
    edges: [...before.edges.reverse(), ...after.edges],
  };
}

/** From a node back to the end that the side started from. */
function wayTo(node: string, { reached }: Side): Path {
  const way: Path = { nodes: [], edges: [] };
  for (let at = reached.get(node); at !== undefined && at.parent !== ""; at = reached.get(at.parent)) {
    way.nodes.push(at.parent);
    way.edges.push(at.edge);
  }
  return way;
}
