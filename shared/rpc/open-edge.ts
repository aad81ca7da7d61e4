import { drainingError } from "./answer-error.ts";
import { CallsInFlight } from "./calls-in-flight.ts";
import type { Edge } from "./edge.ts";
import { RequestWatch } from "./request-watch.ts";
import { StallWatch } from "./stall-watch.ts";
import { StrangerLines } from "./stranger-lines.ts";

/** Opens what both stacks of one listener share. */
export function openEdge(given: Pick<Edge, "log" | "limits" | "letIn">): Edge {
  const { stallTimeoutMs, requestTimeoutMs, requestCheckIntervalMs, strangerLinesMax, strangerLinesIntervalMs } =
    given.limits;
  return {
    ...given,
    calls: new CallsInFlight(),
    stalls: new StallWatch(stallTimeoutMs),
    requests: new RequestWatch(requestTimeoutMs, requestCheckIntervalMs),
    strangers: new StrangerLines(given.log, strangerLinesMax, strangerLinesIntervalMs),
  };
}

/** Ends its watches, and the calls that are left. */
export function closeEdge({ calls, stalls, requests, strangers }: Edge): void {
  stalls.close();
  requests.close();
  calls.abortAll(drainingError());
  strangers.close();
}
