import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Access } from "#shared/auth/access.ts";
import type { BoundMethod } from "./bind-service.ts";
import { Call } from "./call.ts";
import type { CallHead } from "./call-head.ts";
import type { Edge } from "./edge.ts";
import { REQUEST_KEY } from "./request-watch.ts";

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** A request that passed the front gate, and what is known of it before its call begins. */
export interface Arrival {
  readonly head: CallHead;
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  /** When it came, in ms of `performance.now()`. */
  readonly atMs: number;
  /** Who makes it; set by the gate, before the body is read. */
  access: Access | undefined;
  /** Whether its message was read and its call has begun. */
  hasCall: boolean;
}

/** Where an `Arrival` travels through Connect. */
export const ARRIVAL = createContextKey<Arrival | undefined>(undefined, { description: "arrival" });

/** A call over Connect or gRPC-Web. */
export class ConnectCall extends Call {
  #onAbort: ((reason: Error) => void) | undefined;

  constructor(edge: Edge, method: BoundMethod, context: HandlerContext, arrival: Arrival) {
    super(edge, method, arrival.head, accessOf(arrival));
    arrival.hasCall = true;
    edge.requests.leave(context.requestHeader.get(REQUEST_KEY) ?? undefined);
    context.signal.addEventListener("abort", () => this.cancel(), { once: true });
    if (context.signal.aborted) {
      this.cancel();
    }
  }

  /** Rejects as soon as the call is aborted, else follows `work`. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.abortedBy !== undefined) {
        reject(this.abortedBy);
      }
      this.#onAbort = reject;
      work.then(resolve, reject);
    });
  }

  protected override watchCancel(): void {
    // The constructor has done it: Connect makes a signal for every request anyway.
  }

  protected override onAbort(reason: Error): void {
    this.#onAbort?.(reason);
  }
}

function accessOf({ access }: Arrival): Access {
  if (access === undefined) {
    throw new Error("a call came to Connect without anybody being let in");
  }
  return access;
}

/** What the front gate said of the request behind a call. */
export function arrivalOf(context: HandlerContext): Arrival {
  const arrival = context.values.get(ARRIVAL);
  if (arrival === undefined) {
    throw new Error("a call came to Connect past the front gate");
  }
  return arrival;
}
