import type { ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { BoundMethod } from "./bind-service.ts";
import type { Call } from "./call.ts";
import type { Edge } from "./edge.ts";
import { toWireError } from "./to-wire-error.ts";

/** What a call that failed answers. Once it is aborted, whatever the handler throws is only an echo of that. */
export function toAnswerError(error: unknown, call: Call): ConnectError {
  return toWireError(call.abortedBy ?? error, call.requestId);
}

/** The process is going away, but connections are still open: new calls are to go elsewhere. */
export function refuseWhenDraining(edge: Edge, method: BoundMethod): void {
  if (edge.calls.draining && !method.whileDraining) {
    throw drainingError();
  }
}

export function drainingError(): CosError {
  return new CosError(ErrorReason.DRAINING, "this process is going away: call again, another one answers", {
    retryAfterMs: 0,
  });
}
