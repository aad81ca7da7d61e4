import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest } from "@jest/globals";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { buildGoClient, CLIENTS, makePythonStubs, pythonWithGrpc, testWith } from "#tests/support/mesh-clients.ts";
import { runCommand } from "#tests/support/mesh-command.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

jest.setTimeout(120_000);

const folder = await temporaryFolder();
const python = pythonWithGrpc();
const goClient = buildGoClient(join(folder, "go"));

let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh();
});
afterAll(() => mesh?.stop());

describe("a service in another language records, hears it, and resumes by cursor", () => {
  testWith(python, "Python with grpcio-tools")("Python, over grpcio and protoc's stubs", async () => {
    makePythonStubs(python as string, folder);
    const client = join(CLIENTS, "python", "client.py");
    const env = { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" };
    const { stdout, stderr } = await runCommand(python as string, [client, mesh.address], { env });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      health: "SERVING",
      services: expect.arrayContaining(["cos.conductor.v1.ConductorService", "cos.conductor.v1.ModuleService"]),
      first: "Üp betimes",
      deduplicated: true,
      heard: [1, 2, 3],
      resumed: [4, 5],
      refusal: { code: "INVALID_ARGUMENT", names_field: true },
    });
  });

  testWith(goClient, "Go, or its modules")("Go, over grpc-go and buf's stubs", async () => {
    const { stdout, stderr } = await runCommand(goClient as string, [mesh.address]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      health: "SERVING",
      deduplicated: true,
      heard: [1, 2, 3],
      resumed: [4, 5],
      refusal: { code: "InvalidArgument", reason: "INVALID_FIELD", fields: ["memory.text"] },
    });
  });
});
