import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Log } from "#shared/log/open-log.ts";
import type { HttpHandler } from "./connect-stack.ts";
import { NOBODY } from "./credentials-of.ts";
import { refuse } from "./front-gate.ts";
import { openGrpcStack } from "./grpc-stack.ts";
import { type HealthBoard, healthService } from "./health-board.ts";
import type { RpcLimits } from "./limits.ts";
import { OnePort } from "./one-port.ts";
import { closeEdge, openEdge } from "./open-edge.ts";

interface HealthPortOptions {
  readonly board: HealthBoard;
  readonly listen: { readonly host: string; readonly port: number };
  readonly limits: RpcLimits;
  readonly log: Log;
}

/** A listener for probes alone. */
export interface HealthPort {
  readonly address: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

/** Probes come from a few nodes and balancers. */
const CONNECTIONS_MAX = 100;

/**
 * Serves `grpc.health.v1` over native gRPC and nothing else, without TLS: Kubernetes' probes cannot speak it. Whoever reaches
 * this port learns whether the process and its services are well, which is no secret.
 */
export async function openHealthPort({ board, listen, limits, log }: HealthPortOptions): Promise<HealthPort> {
  const edge = openEdge({ log, limits, letIn: () => NOBODY });
  const handler: HttpHandler = (_request, response) =>
    refuse(response, 404, "unimplemented", "only grpc.health.v1 is here, over native gRPC");
  const grpc = openGrpcStack(edge, [healthService(board)], (stream, headers) =>
    handler(new Http2ServerRequest(stream, headers, {}, []), new Http2ServerResponse(stream)),
  );
  const port = new OnePort({ grpc, handler, limits: { ...limits, connectionsMax: CONNECTIONS_MAX }, log });
  const { address: host, port: number } = await port.listen(listen.host, listen.port);
  return {
    address: { host, port: number },
    close: async () => {
      closeEdge(edge);
      await port.close();
    },
  };
}
