import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { Access } from "#shared/auth/access.ts";
import { tokenInvalid } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { malformed } from "./admit-request.ts";
import type { BoundMethod } from "./bind-service.ts";
import { type Arrival, arrivalOf, type NodeRequest } from "./connect-call.ts";
import { credentialsOf, NOBODY } from "./credentials-of.ts";
import type { Edge } from "./edge.ts";
import type { JsonRequest } from "./json-request.ts";
import { logCall } from "./log-call.ts";
import { toWireError } from "./to-wire-error.ts";

/**
 * Connect reads a request before anything of ours runs, calls malformed protobuf INTERNAL and names no fields. What it
 * throws passes by us once: as the reason with which it aborts the context, just before it writes it. This rewrites it
 * there. (A contract test holds that order.)
 *
 * The gate runs when the headers are there, before the body is read.
 */
export function faultGate(
  edge: Edge,
  method: BoundMethod,
  json: JsonRequest,
): (context: HandlerContext) => void | Promise<void> {
  return (context) => {
    const arrival = arrivalOf(context);
    // Connect has copied the headers; who calls is found out from the request itself.
    context.requestHeader.delete("authorization");
    refuseBadQuery(method, context, arrival.head.requestId);
    context.signal.addEventListener("abort", () => onAbort(edge, method, json, arrival, context.signal.reason));
    return letInArrival(edge, method, arrival);
  };
}

/** Finds out who calls before the body is read. */
function letInArrival(edge: Edge, method: BoundMethod, arrival: Arrival): void | Promise<void> {
  const refuse = (error: unknown): never => {
    throw toWireError(error, arrival.head.requestId);
  };
  const take = (access: Access) => {
    arrival.access = access;
  };
  try {
    const access = method.anonymous ? NOBODY : edge.letIn(credentialsIn(arrival.request));
    return access instanceof Promise ? access.then(take, refuse) : take(access);
  } catch (error) {
    return refuse(error);
  }
}

/** Over HTTP/1.1 Node gives the first of several `authorization` headers; what stands before us may have judged another. */
function credentialsIn(request: NodeRequest) {
  if (request.httpVersionMajor === 1 && ((request as IncomingMessage).headersDistinct.authorization ?? []).length > 1) {
    throw tokenInvalid();
  }
  return credentialsOf(request.headers, socketOf(request));
}

function socketOf(request: NodeRequest) {
  return request.httpVersionMajor === 2 ? (request as Http2ServerRequest).stream.session?.socket : request.socket;
}

function onAbort(edge: Edge, method: BoundMethod, json: JsonRequest, arrival: Arrival, reason: unknown): void {
  // A call that has begun answers for itself.
  if (arrival.hasCall || !(reason instanceof ConnectError)) {
    return;
  }
  rewrite(reason, toWireError(explainParsing(method, json, reason), arrival.head.requestId));
  const { requestId, traceparent } = arrival.head;
  const { access, atMs: startedMs } = arrival;
  logCall(edge, { method, requestId, givenTraceparent: traceparent, access, startedMs }, reason);
}

/** The refusal that an error of Connect's parsers stands for; any other error as it is. */
export function explainParsing(method: BoundMethod, json: JsonRequest, error: ConnectError): CosError | ConnectError {
  if (error.cause instanceof CosError) {
    return error.cause;
  }
  if (error.rawMessage.startsWith("parse binary: ")) {
    return malformed(method.desc.input, error);
  }
  // protobuf-es throws plain errors, which Connect makes INVALID_ARGUMENT with the error as cause.
  if (error.code === Code.InvalidArgument && error.cause instanceof Error && !(error.cause instanceof ConnectError)) {
    return json.explain(error.cause) ?? error;
  }
  return error;
}

function rewrite(error: ConnectError, as: ConnectError): void {
  if (error !== as) {
    const { code, rawMessage, message, details } = as;
    Object.assign(error, { code, rawMessage, message, details });
  }
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Connect answers INTERNAL to a GET whose message is not base64. */
function refuseBadQuery(method: BoundMethod, context: HandlerContext, requestId: string): void {
  if (context.requestMethod !== "GET") {
    return;
  }
  const query = new URL(context.url).searchParams;
  if (query.get("base64") === "1" && !BASE64.test(query.get("message") ?? "")) {
    throw toWireError(malformed(method.desc.input, undefined), requestId);
  }
}
