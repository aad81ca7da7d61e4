import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Scope } from "#shared/auth/scope.ts";
import type { Log } from "#shared/log/open-log.ts";
import { drainingError } from "./answer-error.ts";
import type { BoundService } from "./bind-service.ts";
import { CallsInFlight } from "./calls-in-flight.ts";
import { type HttpHandler, openConnectStack } from "./connect-stack.ts";
import { type DrainPlan, drainServer } from "./drain-server.ts";
import type { Edge } from "./edge.ts";
import { frontGate } from "./front-gate.ts";
import { openGrpcStack } from "./grpc-stack.ts";
import { HealthBoard, healthService } from "./health-board.ts";
import { DEFAULT_LIMITS, type RpcLimits } from "./limits.ts";
import { OnePort } from "./one-port.ts";
import { reflectionServices } from "./reflection.ts";
import { RequestWatch } from "./request-watch.ts";
import { StallWatch } from "./stall-watch.ts";
import { warmValidation } from "./validate-message.ts";

/** The limits that a process usually sets; the rest are in `limits`. */
type UsualLimits = Pick<RpcLimits, "defaultDeadlineMs" | "deadlineMaxMs" | "connectionAgeMaxMs" | "stallTimeoutMs">;

export interface ServerOptions extends Partial<UsualLimits> {
  /** What the process calls itself, in logs. */
  readonly name: string;
  readonly services: readonly BoundService[];
  /** Port 0: any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly log: Log;
  readonly limits?: Partial<RpcLimits>;
  /** Names beside those of this machine under which browsers and other HTTP clients may ask. */
  readonly allowedHosts?: readonly string[];
  /** Origins of the pages that may call. */
  readonly allowedOrigins?: readonly string[];
  /** What the caller may see. */
  readonly scopeOf: () => Scope;
}

export interface RpcServer {
  readonly address: { readonly host: string; readonly port: number };
  readonly health: HealthBoard;
  /** Calls being answered, streams among them. */
  readonly callsInFlight: number;
  drain(plan: DrainPlan): Promise<void>;
  /** Cuts off what is left. */
  close(): Promise<void>;
}

/**
 * Serves the given services on one port: native gRPC, gRPC-Web and Connect, with the standard health and reflection
 * services. Rejects with the system's error where it cannot listen (`code` EADDRINUSE ...).
 */
export async function openServer(options: ServerOptions): Promise<RpcServer> {
  const limits = limitsOf(options);
  const health = new HealthBoard(options.services.map((service) => service.desc.typeName));
  const calls = new CallsInFlight();
  const stalls = new StallWatch(limits.stallTimeoutMs);
  const requests = new RequestWatch(limits.requestTimeoutMs, limits.requestCheckIntervalMs);
  const edge: Edge = { log: options.log, limits, scopeOf: options.scopeOf, calls, stalls, requests };
  const standard = [...options.services, healthService(health)];
  const services = [...standard, ...reflectionServices(standard.map((service) => service.desc))];
  for (const method of options.services.flatMap((service) => service.methods)) {
    warmValidation(method.desc.input);
  }
  // The gate names the port, which is known only once the listener has it; no request comes before that.
  let answerHttp: HttpHandler = () => {};
  const onHttp: HttpHandler = (request, response) => answerHttp(request, response);
  const grpc = openGrpcStack(edge, services, (stream, headers) =>
    onHttp(new Http2ServerRequest(stream, headers, {}, []), new Http2ServerResponse(stream)),
  );
  const port = new OnePort(grpc, onHttp, limits);
  const listening = await port.listen(options.listen.host, options.listen.port);
  const { allowedHosts = [], allowedOrigins = [] } = options;
  const gate = frontGate({
    allowedHosts,
    allowedOrigins,
    port: listening.port,
    messageBytesMax: limits.messageBytesMax,
  });
  answerHttp = openConnectStack(edge, services, gate);
  const address = { host: listening.address, port: listening.port };
  options.log.info({ name: options.name, ...address }, "listening");
  return {
    address,
    health,
    get callsInFlight() {
      return calls.count;
    },
    drain: (plan) => drainServer({ health, calls, port }, plan),
    close: async () => {
      health.close();
      stalls.close();
      requests.close();
      calls.abortAll(drainingError());
      await port.close();
    },
  };
}

function limitsOf(options: ServerOptions): RpcLimits {
  const { defaultDeadlineMs, deadlineMaxMs, connectionAgeMaxMs, stallTimeoutMs } = options;
  return {
    ...DEFAULT_LIMITS,
    ...options.limits,
    ...(defaultDeadlineMs !== undefined && { defaultDeadlineMs }),
    ...(deadlineMaxMs !== undefined && { deadlineMaxMs }),
    ...(connectionAgeMaxMs !== undefined && { connectionAgeMaxMs }),
    ...(stallTimeoutMs !== undefined && { stallTimeoutMs }),
  };
}
