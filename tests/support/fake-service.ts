// A process that lives as a service of the mesh does, for the tests of the launcher.
//
// FAKE_LISTEN is where it serves grpc.health.v1; FAKE_DIARY a file to which it appends what happens to it; FAKE_START
// says how it lives: "well" (default), "misconfigured", "broken", "stubborn" (does not end when
// it is asked to) or "deaf" (does not hear that the launcher is gone).
import { appendFileSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServiceDefinition, type sendUnaryData } from "@grpc/grpc-js";
import {
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
} from "#gen/grpc/health/v1/health_pb.ts";

const {
  FAKE_LISTEN = "127.0.0.1:0",
  FAKE_DIARY = "/dev/null",
  FAKE_START = "well",
  COS_POSTGRES_URL = "",
} = process.env;

const write = (line: string) => appendFileSync(FAKE_DIARY, `${line}\n`);

const health: ServiceDefinition = {
  Check: {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: (value) => Buffer.from(toBinary(HealthCheckRequestSchema, value)),
    requestDeserialize: (bytes) => fromBinary(HealthCheckRequestSchema, bytes),
    responseSerialize: (value) => Buffer.from(toBinary(HealthCheckResponseSchema, value)),
    responseDeserialize: (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
  },
};

const SERVING = create(HealthCheckResponseSchema, { status: HealthCheckResponse_ServingStatus.SERVING });

function serve(): void {
  const server = new Server();
  server.addService(health, {
    Check: (_call: unknown, answer: sendUnaryData<HealthCheckResponse>) => answer(null, SERVING),
  });
  server.bindAsync(FAKE_LISTEN, ServerCredentials.createInsecure(), () =>
    write(`up ${process.pid} ${COS_POSTGRES_URL}`),
  );
}

async function drain(why: string): Promise<void> {
  write(`draining after ${why}`);
  const { Client } = await import("pg");
  const client = new Client({ connectionString: COS_POSTGRES_URL });
  const reached = await client.connect().then(
    () => "PostgreSQL still answers",
    () => "PostgreSQL is gone already",
  );
  write(reached);
  process.exit(0);
}

if (FAKE_START === "misconfigured") {
  process.stderr.write("fake: FAKE_START must not be misconfigured\n");
  process.exit(2);
}
if (FAKE_START === "broken") throw new Error("broken from the start");
let asked = false;
for (const why of FAKE_START === "deaf" ? ["SIGTERM"] : ["SIGTERM", "disconnect"]) {
  process.on(why, () => {
    if (FAKE_START === "stubborn") return write(`stubborn after ${why}`);
    if (!asked) void drain(why);
    asked = true;
  });
}
process.stdout.write(`${JSON.stringify({ level: "info", msg: "started" })}\n`);
process.stdout.write(`${JSON.stringify({ level: "warn", msg: "a warning from the fake", module: "cc" })}\n`);
serve();
