import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import {
  type ConnectionInjector,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerInterceptingCall,
  type ServerInterceptor,
  type ServerOptions,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { BoundService } from "./bind-service.ts";
import { requestDecoder } from "./decode-request.ts";
import type { Edge } from "./edge.ts";
import { TIMEOUT_KEY } from "./grpc-call.ts";
import { AwaitedCall, type GrpcGate, openGrpcGate } from "./grpc-gate.ts";
import { serveGrpcStream } from "./grpc-stream-call.ts";
import { serveGrpcUnary } from "./grpc-unary-call.ts";
import { GrpcWire } from "./grpc-wire.ts";
import type { RpcLimits } from "./limits.ts";
import { REQUEST_KEY, type RequestWatch } from "./request-watch.ts";

/** Answers an HTTP/2 request that is not native gRPC. */
export type OtherHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** What the interceptors of a call find of the request that grpc-js has just been given: all of it in one turn. */
interface Hook {
  stream: ServerHttp2Stream | undefined;
  /** Resolves when it is known who calls; undefined: it is. */
  admission: Promise<boolean> | undefined;
}

/** grpc-js asks this of each HTTP/2 request first; true means that it is gRPC. Private, hence the exact pin. */
interface ContentTypeHook {
  _verifyContentType?: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;
}

/**
 * Opens the native gRPC side: a grpc-js server without a port, which takes connections by injection.
 *
 * grpc-js's private hook `_verifyContentType` is used for what it has no public way for: requests that are not gRPC go to
 * `other`; who calls is found out before anything is read (`GrpcGate`); deadlines are taken over, since grpc-js answers them
 * without a request id and mishandles those over 24 days; stalled streams and requests that do not come can be reset. A
 * contract test holds the hook; where it is missing, this throws.
 */
export function openGrpcStack(edge: Edge, services: readonly BoundService[], other: OtherHandler): ConnectionInjector {
  const wires = new WeakMap<Metadata, GrpcWire>();
  const hook: Hook = { stream: undefined, admission: undefined };
  const awaitAdmission: ServerInterceptor = (_, call) =>
    hook.admission === undefined ? (call as ServerInterceptingCall) : new AwaitedCall(call, hook.admission);
  const takeWire: ServerInterceptor = (method, call) =>
    method.requestStream
      ? new GrpcWire(call, hook.stream, edge.limits.unsentBytesMax, (metadata, wire) => wires.set(metadata, wire))
      : (call as ServerInterceptingCall);
  const server = new Server({ ...optionsOf(edge.limits), interceptors: [awaitAdmission, takeWire] });
  for (const service of services) {
    server.addService(definitionOf(service), implementationOf(edge, service, wires));
  }
  takeOverRequests(server, { requests: edge.requests, gate: openGrpcGate(edge, services) }, hook, other);
  return server.createConnectionInjector(ServerCredentials.createInsecure());
}

function takeOverRequests(
  server: Server,
  { requests, gate }: { readonly requests: RequestWatch; readonly gate: GrpcGate },
  hook: Hook,
  other: OtherHandler,
): void {
  const hooked = server as unknown as ContentTypeHook;
  if (typeof hooked._verifyContentType !== "function") {
    throw new Error("this grpc-js has no _verifyContentType: COS needs the version that package.json pins");
  }
  hooked._verifyContentType = (stream, headers) => {
    headers[REQUEST_KEY] = requests.enter(stream);
    if (!isGrpc(headers["content-type"])) {
      other(stream, headers);
      return false;
    }
    // grpc-js goes on within this same turn: the interceptor above finds the stream here.
    hook.stream = stream;
    const timeout = headers["grpc-timeout"];
    delete headers["grpc-timeout"];
    delete headers[TIMEOUT_KEY];
    if (timeout !== undefined) {
      headers[TIMEOUT_KEY] = timeout;
    }
    const admission = gate.admit(stream, headers);
    hook.admission = admission instanceof Promise ? admission : undefined;
    return admission !== false;
  };
}

/** `application/grpc`, `application/grpc+proto` and the like; not `application/grpc-web`. */
function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:$|[+;])/i.test(contentType);
}

function optionsOf(limits: RpcLimits): ServerOptions {
  return {
    "grpc.max_receive_message_length": limits.messageBytesMax,
    "grpc.max_concurrent_streams": limits.connectionStreamsMax,
    "grpc.max_connection_idle_ms": limits.connectionIdleMs,
    ...(Number.isFinite(limits.connectionAgeMaxMs) && {
      "grpc.max_connection_age_ms": limits.connectionAgeMaxMs,
      // A stream that began just before may have the same age as its own (and says goodbye then): it goes first.
      "grpc.max_connection_age_grace_ms": limits.connectionAgeMaxMs + limits.connectionAgeGraceMs,
    }),
    "grpc.keepalive_time_ms": limits.keepaliveIntervalMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
  };
}

/** Streams of either kind are bidirectional to grpc-js: `GrpcStreamCall` knows the difference. */
function definitionOf(service: BoundService): ServiceDefinition {
  const methods = service.methods.map((method) => [
    method.desc.localName,
    {
      path: `/${method.name}`,
      requestStream: method.kind !== "unary",
      responseStream: method.kind !== "unary",
      requestDeserialize: requestDecoder(method.desc.input),
      requestSerialize: passOn,
      responseSerialize: passOn,
      responseDeserialize: passOn,
    },
  ]);
  return Object.fromEntries(methods) as ServiceDefinition;
}

function passOn(bytes: Buffer): Buffer {
  return bytes;
}

function implementationOf(
  edge: Edge,
  service: BoundService,
  wires: WeakMap<Metadata, GrpcWire>,
): UntypedServiceImplementation {
  const methods = service.methods.map((method) => [
    method.desc.localName,
    method.kind === "unary"
      ? serveGrpcUnary(edge, method)
      : ({ metadata }: { metadata: Metadata }) => {
          serveGrpcStream(edge, method, metadata, wires.get(metadata) as GrpcWire);
        },
  ]);
  return Object.fromEntries(methods) as UntypedServiceImplementation;
}
