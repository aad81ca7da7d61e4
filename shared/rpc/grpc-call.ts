import { Metadata } from "@grpc/grpc-js";
import type { BoundMethod } from "./bind-service.ts";
import { Call } from "./call.ts";
import { type CallHead, readGrpcTimeout, readRequestId, readTraceparent } from "./call-head.ts";
import type { Edge } from "./edge.ts";
import { REQUEST_KEY } from "./request-watch.ts";

/** The name under which the deadline reaches us instead of grpc-js: see `openGrpcStack`. */
export const TIMEOUT_KEY = "cos-grpc-timeout";

/** A call over native gRPC. */
export abstract class GrpcCall extends Call {
  readonly #requestNumber: string | undefined;

  constructor(edge: Edge, method: BoundMethod, metadata: Metadata) {
    const requestNumber = textOf(metadata, REQUEST_KEY);
    super(edge, method, readHead(metadata), edge.requests.accessOf(requestNumber));
    this.#requestNumber = requestNumber;
  }

  /** The request's message is there. */
  protected requestArrived(): void {
    this.edge.requests.leave(this.#requestNumber);
  }

  /** The headers (or, with an error, trailers) of the answer. */
  protected answerMetadata(): Metadata {
    const metadata = new Metadata();
    metadata.set("x-request-id", this.requestId);
    if (this.givenTraceparent !== "") {
      metadata.set("traceparent", this.givenTraceparent);
    }
    return metadata;
  }
}

function readHead(metadata: Metadata): CallHead {
  const timeout = textOf(metadata, TIMEOUT_KEY);
  return {
    requestId: readRequestId(textOf(metadata, "x-request-id")),
    traceparent: readTraceparent(textOf(metadata, "traceparent")),
    timeoutMs: timeout === undefined ? undefined : readGrpcTimeout(timeout),
  };
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" ? value : undefined;
}
