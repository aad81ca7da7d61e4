// The watchman's work: to end what the launcher left behind when it was killed.
//
// Purpose: a launcher that gets SIGKILL cannot stop anything. Its watchman can, in the same order.
// Owner:   the launcher, at the other end of the watchman's standard input.
//
//  W1  Each line is the whole list of what would have to be stopped, as JSON; the last complete line holds.
//  W2  The lines end when the launcher does, however that happens. One that ends in good order sends an empty list before.
//  W3  Signals meant for the launcher's terminal do not reach the watchman: it has a process group of its own, and
//      ignores them.
//
// Failure: killed as well, it leaves everything running; the next start adopts the engines and replaces the services.
import { createInterface } from "node:readline";
import { type StopPlan, stopProcesses } from "./processes/stop-processes.ts";

/** Follows the launcher's lists until they end, then stops what the last one named. */
export async function keepWatch(lists: NodeJS.ReadableStream): Promise<void> {
  let plans: StopPlan[] = [];
  for await (const line of createInterface({ input: lists })) plans = parse(line) ?? plans;
  await stopProcesses(plans);
}

/** A launcher that was killed while it wrote leaves half a line. */
function parse(line: string): StopPlan[] | undefined {
  try {
    return JSON.parse(line) as StopPlan[];
  } catch {
    return undefined;
  }
}
