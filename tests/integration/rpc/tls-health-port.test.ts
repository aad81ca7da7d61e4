import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { createServer } from "node:net";
import { Code, createClient } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { checkHealth } from "#deploy/local/check-health.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { closeServed, collect, failureOf, from, serve } from "#tests/support/rpc/serve.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";

let folder: TlsFolder;
beforeAll(async () => {
  folder = await makeTlsFolder();
});
afterAll(() => folder.remove());
afterEach(closeServed);

const listen = { host: "127.0.0.1", port: 0 };

async function servePlainHealth() {
  const served = await serve({}, { tls: folder.files(), healthListen: listen });
  const { host, port } = served.server.healthAddress!;
  return {
    ...served,
    healthAddress: `${host}:${port}`,
    transport: served.openTransport({ address: `${host}:${port}` }),
  };
}

test("health is told without TLS on a port of its own, as it is on the other", async () => {
  const { server, port, healthAddress, transport } = await servePlainHealth();
  const cert = readFileSync(folder.path("server.pem"), "utf8");
  expect(await checkHealth(healthAddress)).toBe("serving");
  expect(await checkHealth(`127.0.0.1:${port}`, cert)).toBe("serving");
  expect(await checkHealth(`127.0.0.1:${port}`)).toBe("silent");
  server.health.setAll("NOT_SERVING");
  expect(await checkHealth(healthAddress)).toBe("not serving");
  expect(await checkHealth(`127.0.0.1:${port}`, cert)).toBe("not serving");
  expect((await createClient(Health, transport).check({ service: ConductorService.typeName })).status).toBe(
    Status.NOT_SERVING,
  );
});

test("a probe believes the certificate that it was given, and no other", async () => {
  const { port } = await servePlainHealth();
  const { cert } = await folder.makeServer();
  expect(await checkHealth(`127.0.0.1:${port}`, cert)).toBe("silent");
});

test("nothing else is there: no service, no reflection, no HTTP", async () => {
  const { healthAddress, transport } = await servePlainHealth();
  const call = createClient(ConductorService, transport).getMemory({ position: 1n });
  expect(await failureOf(call)).toMatchObject({ code: Code.Unimplemented });
  const asked = collect(
    createClient(ServerReflection, transport).serverReflectionInfo(
      from({ messageRequest: { case: "listServices" as const, value: "" } }),
    ),
  );
  expect(await failureOf(asked)).toMatchObject({ code: Code.Unimplemented });
  expect((await fetch(`http://${healthAddress}/grpc.health.v1.Health/Check`, { method: "POST" })).status).toBe(404);
  const session = connectHttp2(`http://${healthAddress}`);
  const stream = session.request({ ":method": "POST", ":path": "/grpc.health.v1.Health/Check" });
  expect(await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])))).toBe(404);
  session.destroy();
});

test("it goes on telling while the process drains, and closes with it", async () => {
  const { server, healthAddress, transport } = await servePlainHealth();
  const watched = createClient(Health, transport).watch({})[Symbol.asyncIterator]();
  expect((await watched.next()).value?.status).toBe(Status.SERVING);
  await server.drain({ leaveBalancerMs: 0, graceMs: 0, endStreams: () => {} });
  expect(await checkHealth(healthAddress)).toBe("not serving");
  expect((await watched.next()).value?.status).toBe(Status.NOT_SERVING);
  expect((await watched.next()).done).toBe(true);
  await server.close();
  expect(await checkHealth(healthAddress)).toBe("silent");
});

test("a port that is taken is told, and the other is not held", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const refused = { host: "127.0.0.1", port };
  await expect(serve({}, { healthListen: refused })).rejects.toMatchObject({ code: "EADDRINUSE", port });
  await expect(serve({}, { listen: refused, healthListen: listen })).rejects.toMatchObject({
    code: "EADDRINUSE",
    port,
  });
  await new Promise((resolve) => taken.close(resolve));
});
