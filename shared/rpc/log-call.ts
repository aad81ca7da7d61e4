import { Code, type ConnectError } from "@connectrpc/connect";
import type { Access } from "#shared/auth/access.ts";
import type { BoundMethod } from "./bind-service.ts";
import { traceIdOf } from "./call-head.ts";
import type { Edge } from "./edge.ts";
import { reasonOf } from "./error-reason.ts";

/** What the log needs to know of a call. */
interface LoggedCall {
  readonly method: BoundMethod;
  readonly requestId: string;
  readonly givenTraceparent: string;
  /** Undefined: nobody was let in. */
  readonly access: Pick<Access, "principal"> | undefined;
  /** When it began, in ms of `performance.now()`. */
  readonly startedMs: number;
}

/** The one line of a call: names and figures, never content. Of callers without a name not all have theirs (`StrangerLines`). */
export function logCall(
  { log, strangers }: Pick<Edge, "log" | "strangers">,
  call: LoggedCall,
  error: ConnectError | undefined,
): void {
  const level = levelOf(call, error);
  if (!log.isLevelEnabled(level)) {
    return;
  }
  const isBounded = isStranger(call) && (level === "info" || level === "warn");
  if (isBounded && !strangers.take()) {
    return;
  }
  log[level](
    {
      method: call.method.name,
      code: error === undefined ? "OK" : codeName(error.code),
      ...(error !== undefined && { reason: reasonOf(error) }),
      ms: Math.round((performance.now() - call.startedMs) * 10) / 10,
      request_id: call.requestId,
      ...(call.access !== undefined && { caller: call.access.principal.name }),
      ...(call.givenTraceparent !== "" && { trace_id: traceIdOf(call.givenTraceparent) }),
      ...(isFault(error) && { err: error?.cause }),
    },
    call.method.kind === "unary" ? "call answered" : "stream ended",
  );
}

/** Nobody was let in, or nobody needed to be: anyone can make as many of these calls as they like. */
function isStranger({ access }: LoggedCall): boolean {
  return access === undefined || access.principal.name === "";
}

function levelOf(call: LoggedCall, error: ConnectError | undefined): "debug" | "info" | "warn" | "error" {
  if (isFault(error)) {
    return "error";
  }
  // To be sent elsewhere at the end of a process or of a stream's age is no trouble at all.
  if (error?.code === Code.Unavailable && reasonOf(error) !== "DRAINING") {
    return "warn";
  }
  return error === undefined && call.method.kind === "unary" ? "debug" : "info";
}

/** A code as gRPC spells it: `INVALID_ARGUMENT`. */
function codeName(code: Code): string {
  return Code[code].replace(/(?!^)[A-Z]/g, "_$&").toUpperCase();
}

/** A fault of ours, as opposed to a refusal. */
function isFault(error: ConnectError | undefined): boolean {
  return error !== undefined && (error.code === Code.Internal || error.code === Code.Unknown);
}
