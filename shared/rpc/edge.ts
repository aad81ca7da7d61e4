import type { LetIn } from "#shared/auth/let-in.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { CallsInFlight } from "./calls-in-flight.ts";
import type { RpcLimits } from "./limits.ts";
import type { RequestWatch } from "./request-watch.ts";
import type { StallWatch } from "./stall-watch.ts";
import type { StrangerLines } from "./stranger-lines.ts";

/** What both stacks of one server share. */
export interface Edge {
  readonly log: Log;
  readonly limits: RpcLimits;
  readonly letIn: LetIn;
  readonly calls: CallsInFlight;
  readonly stalls: StallWatch;
  readonly requests: RequestWatch;
  readonly strangers: StrangerLines;
}
