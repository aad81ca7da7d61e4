import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { LetIn } from "#shared/auth/let-in.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { BoundService } from "./bind-service.ts";
import { CertificateWatch } from "./certificate-watch.ts";
import { openConnectStack } from "./connect-stack.ts";
import { type DrainPlan, drainServer } from "./drain-server.ts";
import { type FrontGate, frontGate } from "./front-gate.ts";
import { openGrpcStack } from "./grpc-stack.ts";
import { HealthBoard, healthService } from "./health-board.ts";
import { type HealthPort, openHealthPort } from "./health-port.ts";
import { DEFAULT_LIMITS, type RpcLimits } from "./limits.ts";
import { OnePort } from "./one-port.ts";
import { closeEdge, openEdge } from "./open-edge.ts";
import { reflectionServices } from "./reflection.ts";
import type { StaticPage } from "./static-page.ts";
import type { TlsFiles } from "./tls-certificates.ts";
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
  /** What is shown at `/`. Unset: nothing. */
  readonly page?: StaticPage;
  /** Finds out who calls. */
  readonly letIn: LetIn;
  /** Speaks TLS with these (`readTls`). Unset: none. */
  readonly tls?: TlsFiles | undefined;
  /** Where health is told as well, without TLS, and nothing else. Unset: nowhere. */
  readonly healthListen?: { readonly host: string; readonly port: number } | undefined;
}

export interface RpcServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Of the port for health alone, if there is one. */
  readonly healthAddress: { readonly host: string; readonly port: number } | undefined;
  readonly health: HealthBoard;
  /** Calls being answered, streams among them. */
  readonly callsInFlight: number;
  drain(plan: DrainPlan): Promise<void>;
  /** Cuts off what is left. */
  close(): Promise<void>;
}

/**
 * Serves the given services on one port: native gRPC, gRPC-Web and Connect, with the standard health and reflection
 * services; health on a port of its own beside it, where one is given. Rejects with the system's error where it cannot listen
 * (`code` EADDRINUSE ..., `port`), and with SettingsError where the certificates are not fit.
 */
export async function openServer(options: ServerOptions): Promise<RpcServer> {
  const { log, tls, listen, healthListen, allowedHosts = [], allowedOrigins = [] } = options;
  const limits = limitsOf(options);
  const health = new HealthBoard(options.services.map((service) => service.desc.typeName));
  const edge = openEdge({ log, limits, letIn: options.letIn });
  const standard = [...options.services, healthService(health)];
  const services = [...standard, ...reflectionServices(standard.map((service) => service.desc))];
  for (const method of options.services.flatMap((service) => service.methods)) {
    warmValidation(method.desc.input);
  }
  // The gate names the port, which is known only once the listener has it; no request comes before that.
  let gate: FrontGate = () => undefined;
  const onHttp = openConnectStack(edge, services, (request, response) => gate(request, response), options.page);
  const grpc = openGrpcStack(edge, services, (stream, headers) =>
    onHttp(new Http2ServerRequest(stream, headers, {}, []), new Http2ServerResponse(stream)),
  );
  const certificates =
    tls &&
    new CertificateWatch({
      files: tls,
      intervalMs: limits.certificateReadIntervalMs,
      log,
      onChange: (fresh) => {
        port.setCertificates(fresh);
        setGate(fresh.hosts);
      },
    });
  const port = new OnePort({ grpc, handler: onHttp, limits, log, certificates: certificates?.current });
  const setGate = (certified: readonly string[] = []) => {
    // Browsers have proved such a name before they send it, so that no page can have lent it to this machine.
    const hosts = [...allowedHosts, ...certified];
    const { messageBytesMax } = limits;
    gate = frontGate({ allowedHosts: hosts, allowedOrigins, port: address.port, messageBytesMax });
  };
  const close = async () => {
    health.close();
    certificates?.close();
    closeEdge(edge);
    await Promise.all([port.close(), healthPort?.close()]);
  };
  let healthPort: HealthPort | undefined;
  let address = listen;
  try {
    healthPort = healthListen && (await openHealthPort({ board: health, listen: healthListen, limits, log }));
    const listening = await port.listen(listen.host, listen.port);
    address = { host: listening.address, port: listening.port };
  } catch (error) {
    await close();
    throw error;
  }
  setGate(certificates?.current.hosts);
  log.info({ name: options.name, ...address, tls: tls !== undefined }, "listening");
  return {
    address,
    healthAddress: healthPort?.address,
    health,
    get callsInFlight() {
      return edge.calls.count;
    },
    drain: (plan) => drainServer({ health, calls: edge.calls, port }, plan),
    close,
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
