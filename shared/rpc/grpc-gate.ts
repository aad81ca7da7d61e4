import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type StatusObject,
} from "@grpc/grpc-js";
import type { BoundMethod, BoundService } from "./bind-service.ts";
import { readRequestId, readTraceparent } from "./call-head.ts";
import { credentialsOf, NOBODY } from "./credentials-of.ts";
import type { Edge } from "./edge.ts";
import { toGrpcStatus } from "./grpc-status.ts";
import { logCall } from "./log-call.ts";
import { REQUEST_KEY } from "./request-watch.ts";
import { toWireError } from "./to-wire-error.ts";

type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

/** Lets a native gRPC request in before a byte of its body is read, or refuses it. */
export interface GrpcGate {
  /**
   * True: it may go on. False: it has been answered, or its caller is gone. A promise of the same, when it takes a look-up to know who calls; until
   * it resolves nothing of the request may be read. It never rejects.
   */
  admit(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean | Promise<boolean>;
}

/** Opens the gate before grpc-js. Requests for methods that are not there pass: grpc-js has the answer. */
export function openGrpcGate(edge: Edge, services: readonly BoundService[]): GrpcGate {
  const all = services.flatMap((service) => service.methods);
  const methods = new Map(all.map((method) => [`/${method.name}`, method]));
  return {
    admit(stream, headers) {
      const method = methods.get(headers[":path"] as string);
      return method === undefined || letIn(edge, method, stream, headers);
    },
  };
}

function letIn(
  edge: Edge,
  method: BoundMethod,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): boolean | Promise<boolean> {
  const startedMs = performance.now();
  const number = headers[REQUEST_KEY] as string;
  const refuse = (error: unknown): false => {
    answer(stream, refusal(edge, { method, headers, startedMs }, error));
    return false;
  };
  try {
    const access = method.anonymous ? NOBODY : edge.letIn(credentialsOf(headers, stream.session?.socket));
    if (access instanceof Promise) {
      return access.then((found) => edge.requests.letIn(number, found), refuse);
    }
    return edge.requests.letIn(number, access);
  } catch (error) {
    return refuse(error);
  }
}

interface Request {
  readonly method: BoundMethod;
  readonly headers: IncomingHttpHeaders;
  readonly startedMs: number;
}

/** The status of a refusal, which is logged as a call that was answered. */
function refusal(edge: Edge, { method, headers, startedMs }: Request, cause: unknown): StatusObject {
  const requestId = readRequestId(textOf(headers["x-request-id"]));
  const givenTraceparent = readTraceparent(textOf(headers.traceparent));
  const error = toWireError(cause, requestId);
  logCall(edge, { method, requestId, givenTraceparent, access: undefined, startedMs }, error);
  const metadata = new Metadata();
  metadata.set("x-request-id", requestId);
  if (givenTraceparent !== "") {
    metadata.set("traceparent", givenTraceparent);
  }
  return toGrpcStatus(error, metadata);
}

/** Answers with a status alone, and takes nothing more of the request. */
function answer(stream: ServerHttp2Stream, { code, details, metadata }: StatusObject): void {
  if (stream.destroyed || stream.closed) {
    return;
  }
  stream.respond(
    {
      ...metadata.toHttp2Headers(),
      ":status": 200,
      "content-type": "application/grpc+proto",
      "grpc-status": code,
      "grpc-message": encodeURI(details),
    },
    { endStream: true },
  );
  // RFC 9113, 8.1: a server that has answered in full may ask for the rest not to be sent. Not within this turn: nghttp2 drops
  // an answer that is queued yet when its stream is reset, and the caller would see it cut off without a word.
  setImmediate(() => {
    stream.close(constants.NGHTTP2_NO_ERROR);
    // What has come already is thrown away: a stream that grpc-js has paused would never be over.
    stream.resume();
  });
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : undefined;
}

/** A call that begins when it is known who makes it, and not at all if that is refused, or its caller has gone before. */
export class AwaitedCall extends ServerInterceptingCall {
  readonly #call: ServerInterceptingCallInterface;
  readonly #admission: Promise<boolean>;

  constructor(call: ServerInterceptingCallInterface, admission: Promise<boolean>) {
    super(call);
    this.#call = call;
    this.#admission = admission;
  }

  override start(listener: Listener): void {
    this.#call.start({
      onReceiveMetadata: (metadata) => {
        void this.#admission.then((isLetIn) => {
          if (isLetIn) {
            listener.onReceiveMetadata(metadata);
          }
        });
      },
      onReceiveMessage: (message) => listener.onReceiveMessage(message),
      onReceiveHalfClose: () => listener.onReceiveHalfClose(),
      onCancel: () => listener.onCancel(),
    });
  }
}
