// What people write, and what they prove themselves with, stands in no log line. Every process of a test run is held to that when the run
// ends (tests/support/global-teardown.ts); here is what such processes are given, and the proof that the search would find it.
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { makeApiToken } from "#shared/auth/api-token.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { sendOverConnect } from "#tests/support/mesh-refusal.ts";
import { CANARY, secretsBelow, secretsIn } from "#tests/support/secret-search.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { openTestIssuer } from "#tests/support/test-issuer.ts";

jest.setTimeout(60_000);

const folder = await temporaryFolder();
const token = makeApiToken(PrincipalKind.AGENT);
const { privateKey } = generateKeyPairSync("ed25519");

let jwt = "";
beforeAll(async () => {
  const issuer = await openTestIssuer("EdDSA");
  jwt = issuer.sign({ claims: { sub: "somebody" } });
  await issuer.close();
});

describe("the search finds", () => {
  test.each([
    ["a token", () => `{"msg":"refused","name":"${token}"}`],
    ["a bearer", () => "authorization: Bearer not-in-any-form-of-ours"],
    ["a signed token", () => `{"name":"${jwt}"}`],
    ["a private key", () => JSON.stringify({ name: privateKey.export({ type: "pkcs8", format: "pem" }) })],
    ["a password", () => "cannot reach postgres://cos:secret@127.0.0.1/cos"],
    [`the text "${CANARY}"`, () => `{"text":"${CANARY}"}`],
    ['the text "Up betimes"', () => `{"err":{"message":"Up betimes"}}`],
  ])("%s, planted below its folder", (kind, line) => {
    const planted = join(folder, kind.replace(/\W/g, "-"), "deeper");
    mkdirSync(planted, { recursive: true });
    writeFileSync(join(planted, "conductor.log"), `{"msg":"listening"}\n${line()}\n{"msg":"serving"}\n`);
    expect(secretsBelow(join(planted, ".."))).toEqual([`${kind} in conductor.log, line 2`]);
  });

  test("nothing in what the sweep leaves, in what looks like a token and is none, and in addresses", () => {
    const lines = [
      "Bearer [token]",
      "authorization: Bearer <token>",
      `cos_agt_${"a".repeat(49)}`,
      "redis://u:[password]@h:1",
    ];
    expect(lines.concat("http://127.0.0.1:50051/x", "eyJ", "cos_test_123").flatMap(secretsIn)).toEqual([]);
  });
});

describe("a mesh at its most talkative", () => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await openMesh({ env: { COS_LOG_LEVEL: "trace" } });
  });
  afterAll(() => mesh?.stop());

  const memory = {
    eventType: "note",
    source: CANARY,
    text: CANARY,
    sessionId: CANARY,
    tags: [CANARY],
    payload: { [CANARY]: CANARY },
    promptTrace: { prompt: CANARY, response: CANARY, model: CANARY },
  };

  test("logs nothing of what is recorded, refused, asked for and shown as proof", async () => {
    const { conductor, modules } = mesh.client();
    const refused = async (call: Promise<unknown>) => void (await call.catch(() => {}));
    await conductor.recordMemory({ memory, idempotencyKey: CANARY });
    await refused(conductor.recordMemory({ memory: { ...memory, text: "other" }, idempotencyKey: CANARY }));
    await refused(conductor.recordMemory({ memory: { ...memory, module: CANARY } }));
    await refused(conductor.recordMemory({ memory: { ...memory, eventType: CANARY.toUpperCase() } }));
    await conductor.listMemories({ filter: { sources: [CANARY], sessionIds: [CANARY], tags: [CANARY] } });
    await refused(conductor.listMemories({ pageToken: CANARY }));
    await refused(modules.registerModule({ module: { name: "canary", title: CANARY, description: CANARY } }));
    await refused(modules.registerModule({ module: { name: "canary", title: CANARY } }));
    const path = "cos.conductor.v1.ConductorService/RecordMemory";
    await sendOverConnect(mesh, path, `{"memory":{"text":"${CANARY}"`);
    await sendOverConnect(mesh, path, JSON.stringify({ memory: { ...memory, occurredAt: CANARY, [CANARY]: 1 } }));
    await fetch(`${mesh.url}/${path}?${CANARY}=${CANARY}`, { method: "POST", headers: { "x-canary": CANARY } });
    for (const proof of [token, jwt, CANARY]) {
      const transport = openTransport({ address: mesh.address, token: proof });
      await refused(createClient(AuthService, transport).whoAmI({}));
      transport.close();
    }
    await mesh.conductor.stop();
    const written = mesh.conductor.output();
    expect(written.split("\n").length).toBeGreaterThan(10);
    expect(secretsIn(written)).toEqual([]);
  });
});
