import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { findTool, type Tool } from "#tests/support/find-tool.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { runCommand, startCommand } from "#tests/support/mesh-command.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(30_000);

const CONDUCTOR = "cos.conductor.v1.ConductorService";
const tool = (name: Tool) => findTool(name) as string;

let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh();
  // The channels of Redis know no databases: what listens there needs a module of its own.
  await mesh.client().modules.registerModule({ module: { name: "usual_clients" } });
});
afterAll(() => mesh.stop());

const grpcurl = (...args: string[]) => runCommand(tool("grpcurl"), ["-plaintext", ...args]);

async function curl(path: string, ...args: string[]) {
  const { stdout } = await runCommand(tool("curl"), ["-s", "-w", "\n%{http_code}", `${mesh.url}/${path}`, ...args]);
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) };
}

describe("grpcurl", () => {
  needs("grpcurl")("lists and describes what is served, options included", async () => {
    const list = await grpcurl(mesh.address, "list");
    expect(list.stdout.trim().split("\n")).toEqual([
      "cos.auth.v1.AuthService",
      CONDUCTOR,
      "cos.conductor.v1.GraphLogService",
      "cos.conductor.v1.ModuleService",
      "cos.conductor.v1.ProjectionLogService",
      "cos.conductor.v1.ScratchService",
      "cos.highway.v1.HighwayService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
    const described = await grpcurl(mesh.address, "describe", "cos.conductor.v1.RecordMemoryRequest");
    expect(described.stdout).toContain("max_len: 200");
  });

  needs("grpcurl")("keeps a scratch note, and is refused what does not exist by its reason", async () => {
    const call = (method: string, request: object) =>
      grpcurl("-d", JSON.stringify(request), mesh.address, `cos.conductor.v1.ScratchService/${method}`);
    const put = await call("PutNote", { note: { key: "outline", text: "three acts", ttl: "7200s" } });
    expect(JSON.parse(put.stdout).note).toMatchObject({ module: "cc", key: "outline", revision: "1", size: "17" });
    const got = await call("GetNote", { key: "outline" });
    expect(JSON.parse(got.stdout).note).toMatchObject({ text: "three acts", writtenBy: "local" });
    const stale = await call("PutNote", { note: { key: "outline" }, revision: 7 });
    expect(stale.stderr).toMatch(/Code: Aborted[\s\S]*must be that of the note as it is now: 1[\s\S]*REVISION_STALE/);
    await call("DeleteNote", { key: "outline" });
    expect((await call("GetNote", { key: "outline" })).stderr).toMatch(/Code: NotFound[\s\S]*NOTE_NOT_FOUND/);
  });

  needs("grpcurl")("records, and hears it from the beginning", async () => {
    const memory = { module: "cc", event_type: "note", source: "me", text: "hello from grpcurl" };
    const recorded = await grpcurl("-d", JSON.stringify({ memory }), mesh.address, `${CONDUCTOR}/RecordMemory`);
    expect(JSON.parse(recorded.stdout)).toMatchObject({
      memory: { module: "cc", eventType: "note", text: "hello from grpcurl" },
      cursor: { module: "cc" },
    });
    const request = JSON.stringify({ modules: ["cc"], from_beginning: true });
    const listening = startCommand(tool("grpcurl"), [
      "-plaintext",
      ...["-d", request, mesh.address, `${CONDUCTOR}/Subscribe`],
    ]);
    await listening.says(/"caughtUp"/);
    expect(listening.stdout()).toMatch(/"started"[\s\S]*"batch"[\s\S]*hello from grpcurl[\s\S]*"caughtUp"/);
    listening.process.kill();
    await listening.ended;
  });

  needs("grpcurl")("is told the field at fault", async () => {
    const memory = { module: "cc", event_type: "Not A Type", source: "me", text: "x" };
    const { code, stderr } = await grpcurl("-d", JSON.stringify({ memory }), mesh.address, `${CONDUCTOR}/RecordMemory`);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/InvalidArgument[\s\S]*memory\.event_type/);
  });
});

describe("the standard health probe", () => {
  needs("grpc-health-probe")("finds each service serving, and an unknown one unknown", async () => {
    const probe = (...args: string[]) => runCommand(tool("grpc-health-probe"), [`-addr=${mesh.address}`, ...args]);
    await expect(probe()).resolves.toMatchObject({ code: 0 });
    const one = await probe(`-service=${CONDUCTOR}`);
    expect([one.code, one.stdout + one.stderr]).toEqual([0, expect.stringContaining("SERVING")]);
    await expect(probe("-service=cos.nobody.v1.Nothing")).resolves.not.toMatchObject({ code: 0 });
  });
});

describe("ghz", () => {
  needs("ghz")("gets an answer to every one of its calls", async () => {
    const data = '{"memory":{"module":"cc","event_type":"note","source":"ghz","text":"{{randomString 400}}"}}';
    const { stdout } = await runCommand(tool("ghz"), [
      ...["--insecure", "--call", `${CONDUCTOR}.RecordMemory`],
      ...["-c", "32", "-n", "600", "-d", data, "-O", "json", mesh.address],
    ]);
    const report = JSON.parse(stdout) as { count: number; statusCodeDistribution: Record<string, number> };
    expect(report.statusCodeDistribution).toEqual({ OK: 600 });
    expect(report.count).toBe(600);
  });
});

describe("curl", () => {
  const json = ["-H", "content-type: application/json"];

  needs("curl")("records in JSON, in either spelling of the fields", async () => {
    const answers = await Promise.all(
      ['"eventType":"note"', '"event_type":"note"'].map((type) =>
        curl(
          `${CONDUCTOR}/RecordMemory`,
          ...json,
          "-d",
          `{"memory":{"module":"cc",${type},"source":"me","text":"hello"}}`,
        ),
      ),
    );
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toMatchObject({ memory: { eventType: "note", text: "hello" }, cursor: { module: "cc" } });
    }
  });

  needs("curl")("reads with GET, which caches and links can do, but cannot write with it", async () => {
    await mesh.client().conductor.recordMemory({ memory: { eventType: "note", source: "me", text: "first" } });
    const message = encodeURIComponent(JSON.stringify({ module: "cc", position: "1" }));
    const query = `encoding=json&connect=v1&message=${message}`;
    const read = await curl(`${CONDUCTOR}/GetMemory?${query}`);
    expect(read).toMatchObject({ status: 200, body: { memory: { module: "cc", position: "1" } } });
    const { stdout } = await runCommand(tool("curl"), [
      ...["-s", "-o", "/dev/null", "-w", "%{http_code}", `${mesh.url}/${CONDUCTOR}/RecordMemory?${query}`],
    ]);
    expect(stdout).toBe("405");
  });

  needs("curl")("gets its request id back, and the memory has it", async () => {
    const { stdout } = await runCommand(tool("curl"), [
      ...["-s", "-i", `${mesh.url}/${CONDUCTOR}/RecordMemory`, ...json, "-H", "x-request-id: from-curl-1"],
      ...["-H", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
      ...["-d", '{"memory":{"eventType":"note","source":"me","text":"traced"}}'],
    ]);
    expect(stdout).toMatch(/^x-request-id: from-curl-1\r$/im);
    expect(stdout).toContain('"requestId":"from-curl-1","traceId":"0af7651916cd43dd8448eb211c80319c"');
  });
});

describe("a tool that speaks only Redis", () => {
  needs("redis", "redis-cli")("H6: hears the event in JSON on the module's channel", async () => {
    const channel = "mem0.recorded.usual_clients";
    const listening = startCommand(tool("redis-cli"), ["-u", mesh.redisUrl, "subscribe", channel]);
    await listening.says(/subscribe/);
    const memory = { module: "usual_clients", eventType: "note", source: "me", text: "for Redis" };
    const { cursor } = await mesh.client().conductor.recordMemory({ memory });
    await listening.says(/for Redis/);
    listening.process.kill();
    await listening.ended;
    const line = listening
      .stdout()
      .split("\n")
      .find((each) => each.startsWith("{"));
    expect(JSON.parse(line ?? "")).toMatchObject({
      memory: { module: "usual_clients", position: String(cursor?.position), text: "for Redis" },
    });
  });
});

test("whoever speaks no protocol of the mesh is answered and cut, and nobody else notices", async () => {
  const answer = await fetch(`${mesh.url}/nothing`, { headers: { host: mesh.address } });
  expect(answer.status).toBe(404);
  await expect(mesh.conductor.isServing()).resolves.toBe(true);
});
