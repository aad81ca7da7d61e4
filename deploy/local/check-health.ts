import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import {
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from "#gen/grpc/health/v1/health_pb.ts";
import { NO_SERVER_NAME, probeCredentials } from "#shared/rpc/client-tls.ts";

/** "serving", "not serving", or "silent" when nobody answers within the time. */
export type HealthAnswer = "serving" | "not serving" | "silent";

/**
 * Asks a process for its own health, the standard way (`grpc.health.v1.Health/Check`). `certificate` is that of its
 * listener, in PEM; undefined: it speaks no TLS.
 */
export function checkHealth(address: string, certificate?: string, timeoutMs = 1_000): Promise<HealthAnswer> {
  const how = certificate === undefined ? credentials.createInsecure() : probeCredentials(certificate);
  const client = new Client(address, how, NO_SERVER_NAME);
  return new Promise((resolve) => {
    const done = (answer: HealthAnswer) => {
      client.close();
      resolve(answer);
    };
    client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      (request: Uint8Array) => Buffer.from(request),
      (response: Buffer): HealthCheckResponse => fromBinary(HealthCheckResponseSchema, response),
      toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema)),
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        if (error !== null) return done("silent");
        done(response?.status === HealthCheckResponse_ServingStatus.SERVING ? "serving" : "not serving");
      },
    );
  });
}
