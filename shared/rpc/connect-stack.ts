import { type ConnectRouterOptions, createConnectRouter, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { BoundService } from "./bind-service.ts";
import { ARRIVAL, type Arrival, type NodeRequest, type NodeResponse } from "./connect-call.ts";
import { faultGate } from "./connect-faults.ts";
import { connectImplementation } from "./connect-methods.ts";
import type { Edge } from "./edge.ts";
import type { FrontGate } from "./front-gate.ts";
import { refuse } from "./front-gate.ts";
import { JsonRequest } from "./json-request.ts";
import { answerPage, asksForPage, type StaticPage } from "./static-page.ts";

/** Answers one HTTP request, of either version. */
export type HttpHandler = (request: NodeRequest, response: NodeResponse) => void;

/** Opens the Connect and gRPC-Web side: one function for every HTTP request that is not native gRPC, `page` for that of `/`. */
export function openConnectStack(
  edge: Edge,
  services: readonly BoundService[],
  gate: FrontGate,
  page?: StaticPage,
): HttpHandler {
  const handlers = routesOf(edge, services);
  return (request, response) => {
    const head = gate(request, response);
    if (head === undefined) {
      return;
    }
    if (page !== undefined && asksForPage(request)) {
      answerPage(page, response);
      return;
    }
    const handler = handlers.get(pathOf(request));
    if (handler === undefined) {
      refuse(response, 404, "unimplemented", "there is no such RPC");
      return;
    }
    if (handler.method.methodKind === "bidi_streaming" && request.httpVersionMajor === 1) {
      refuse(response, 505, "unimplemented", "streams in both directions need HTTP/2");
      return;
    }
    if (edge.calls.draining && request.httpVersionMajor === 1) {
      response.setHeader("connection", "close");
    }
    const arrival: Arrival = { head, request, response, atMs: performance.now(), access: undefined, hasCall: false };
    const values = createContextValues().set(ARRIVAL, arrival);
    answer(handler, universalRequestFromNodeRequest(request, response, undefined, values), response);
  };
}

type UniversalRequest = Parameters<UniversalHandler>[0];

function answer(handler: UniversalHandler, request: UniversalRequest, response: NodeResponse): void {
  handler(request)
    .then((answered) => universalResponseToNodeResponse(answered, response))
    // What fails here is the writing: the peer is gone, and the call has been told by its signal.
    .catch(() => response.destroy());
}

function routesOf(edge: Edge, services: readonly BoundService[]): Map<string, UniversalHandler> {
  const router = createConnectRouter();
  for (const method of services.flatMap((service) => service.methods)) {
    const json = new JsonRequest(method.desc.input, method.kind !== "unary");
    // An object with these options and no others: what a router is given of `grpc` and limits is not what a method gets.
    const options: ConnectRouterOptions = {
      grpc: false,
      acceptCompression: [compressionGzip, compressionBrotli],
      readMaxBytes: edge.limits.messageBytesMax,
      // Connect looks for `textDecoder` here too, though its type does not say so.
      jsonOptions: { textDecoder: json } as object,
      requestGate: faultGate(edge, method, json),
    };
    router.rpc(method.desc, connectImplementation(edge, method, json), options);
  }
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

function pathOf(request: NodeRequest): string {
  const url = request.url ?? "";
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}
