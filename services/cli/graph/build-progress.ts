import type { BuildProgress } from "#gen/cos/graph/v1/projection_pb.ts";
import type { Cli } from "../cli.ts";
import { ProgressBar } from "../output/progress-bar.ts";

/** A bar for a build beside the graph, on a person's terminal. */
export function buildBar(cli: Cli, label: string, now: () => number = Date.now): ProgressBar {
  return new ProgressBar(cli.err, label, now);
}

export function drawBuild(bar: ProgressBar, progress: BuildProgress | undefined): void {
  if (progress === undefined) return;
  const done = Number(progress.projected);
  // What is recorded meanwhile is not in the total that was known at the beginning.
  bar.update({ done, total: Math.max(done, Number(progress.total)), recorded: done });
}
