import type { Scope } from "#shared/auth/scope.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { CallsInFlight } from "./calls-in-flight.ts";
import type { RpcLimits } from "./limits.ts";
import type { RequestWatch } from "./request-watch.ts";
import type { StallWatch } from "./stall-watch.ts";

/** What both stacks of one server share. */
export interface Edge {
  readonly log: Log;
  readonly limits: RpcLimits;
  readonly scopeOf: () => Scope;
  readonly calls: CallsInFlight;
  readonly stalls: StallWatch;
  readonly requests: RequestWatch;
}
