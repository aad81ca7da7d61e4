import { Code, ConnectError } from "@connectrpc/connect";
import type { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { BoundMethod } from "./bind-service.ts";
import { type CallHead, isSampled, traceIdOf } from "./call-head.ts";
import type { Edge } from "./edge.ts";
import { logCall } from "./log-call.ts";

/** setTimeout's limit; a later deadline has no timer, and none is allowed by default. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * One call being served, on whichever stack.
 *
 * Purpose: what handlers are told (`CallContext`), and the one place where a call ends: by its handler, the caller, the
 * deadline, the end of the caller's access, or the process.
 *
 * Owner: the stack that received it; `Edge.calls` counts it from `open` to `close`.
 *
 * 1. It is aborted at most once, and never after `close`; what aborts it first is what it answers.
 * 2. The signal fires exactly if it is aborted. Its controller is made when a handler first asks for it, because most
 *    unary calls never do and it costs as much as the rest of the bookkeeping.
 * 3. It is closed, and logged, exactly once.
 * 4. When the caller's access ends a stream is aborted: one of answers after `farewellMs`, so that its handler can say why and
 *    end it before; one that takes requests in the next turn. What is unary has been judged, and runs to its end.
 */
export abstract class Call implements CallContext {
  readonly requestId: string;
  readonly traceId: string;
  readonly traceparent: string;
  readonly access: Access;
  readonly deadlineMs: number;
  readonly method: BoundMethod;
  /** The caller's `traceparent`, sampled or not: the answer repeats it. */
  readonly givenTraceparent: string;
  readonly startedMs = performance.now();
  protected readonly edge: Edge;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #abortedBy: Error | undefined;
  #isOpen = true;
  #unwatch: (() => void) | undefined;

  constructor(edge: Edge, method: BoundMethod, head: CallHead, access: Access) {
    this.edge = edge;
    this.method = method;
    this.requestId = head.requestId;
    this.givenTraceparent = head.traceparent;
    this.traceId = traceIdOf(head.traceparent);
    this.traceparent = isSampled(head.traceparent) ? head.traceparent : "";
    this.access = access;
    const timeoutMs = this.#timeoutMs(head.timeoutMs);
    this.deadlineMs = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : Date.now() + timeoutMs;
    if (timeoutMs <= TIMER_MS_MAX) {
      this.#timer = setTimeout(expire, timeoutMs, this);
    }
    edge.calls.enter(this);
    // One that has ended already is refused when the call is admitted.
    if (method.kind !== "unary" && access.ended === undefined) {
      this.#unwatch = access.watch({ ended: (error) => this.#leaveWith(error) });
    }
  }

  get scope(): Scope {
    return this.access.scope;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedBy === undefined) {
        this.watchCancel();
      } else {
        this.#controller.abort(this.#abortedBy);
      }
    }
    return this.#controller.signal;
  }

  /** What ended the call before its handler did. */
  get abortedBy(): Error | undefined {
    return this.#abortedBy;
  }

  /** Ends the call with this error, if it is still open. */
  abort(reason: Error): void {
    if (!this.#isOpen || this.#abortedBy !== undefined) {
      return;
    }
    this.#abortedBy = reason;
    clearTimeout(this.#timer);
    this.#controller?.abort(reason);
    this.onAbort(reason);
  }

  /** Takes no more requests and goes on; only a stream that takes many has something to do here. */
  drain(): void {}

  /** The caller is gone. */
  cancel(): void {
    this.abort(new ConnectError("the caller canceled the call", Code.Canceled));
  }

  /** The handler is done; `error` is what was answered, if not success. */
  close(error?: ConnectError): void {
    if (!this.#isOpen) {
      return;
    }
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#unwatch?.();
    this.edge.calls.leave(this);
    logCall(this.edge, this, error);
  }

  /** Called when the signal is first asked for: from here on the stack must `cancel()` when the caller goes. */
  protected abstract watchCancel(): void;

  /** Called when the call is aborted, to answer at once instead of waiting for the handler. */
  protected abstract onAbort(reason: Error): void;

  /**
   * A stream of answers may still say why. One that records is over in this very turn: whatever it judged from now on, with no rights
   * left, it would answer wrongly.
   */
  #leaveWith(reason: Error): void {
    if (this.method.kind === "server_streaming") {
      setTimeout(() => this.abort(reason), this.edge.limits.farewellMs).unref();
    } else {
      this.abort(reason);
    }
  }

  #timeoutMs(givenMs: number | undefined): number {
    const { defaultDeadlineMs, deadlineMaxMs } = this.edge.limits;
    if (givenMs !== undefined) {
      return Math.min(givenMs, deadlineMaxMs);
    }
    // Streams live as long as they are wanted.
    return this.method.kind === "unary" ? defaultDeadlineMs : Number.POSITIVE_INFINITY;
  }
}

function expire(call: Call): void {
  call.abort(new ConnectError("the deadline has passed", Code.DeadlineExceeded));
}
