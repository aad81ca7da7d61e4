import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import {
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from "#gen/grpc/health/v1/health_pb.ts";

/** "serving", "not serving", or "silent" when nobody answers within the time. */
export type HealthAnswer = "serving" | "not serving" | "silent";

/** Asks a process for its own health, the standard way (`grpc.health.v1.Health/Check`). */
export function checkHealth(address: string, timeoutMs = 1_000): Promise<HealthAnswer> {
  const client = new Client(address, credentials.createInsecure());
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
