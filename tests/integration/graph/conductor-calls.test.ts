// The graph's calls of a conductor that is a process of its own, as `npm start` sets the two up.
import { generateKeyPairSync } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { type CursorFaults, CursorFaultsSchema, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Conductor, type ConductorOptions, type OnBehalf, openConductor } from "#services/graph/conductor.ts";
import type { Access } from "#shared/auth/access.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { follow } from "#shared/highway/client/follow.ts";
import { openLog } from "#shared/log/open-log.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { accessWith } from "#tests/support/rpc/callers.ts";
import { failureOf } from "#tests/support/rpc/serve.ts";
import { makeServiceKeys, type ServiceKeys } from "#tests/support/service-keys.ts";

jest.setTimeout(60_000);

let keys: ServiceKeys;
let mesh: Mesh;
beforeAll(async () => {
  keys = makeServiceKeys();
  mesh = await openMesh({ env: keys.env });
  for (const name of ["pepys", "kept"]) await mesh.client().modules.registerModule({ module: { name } });
});
afterAll(async () => {
  await mesh?.stop();
  keys.remove();
});

const opened: Conductor[] = [];
afterEach(() => {
  for (const conductor of opened.splice(0)) conductor.close();
});

const log = openLog({ service: "test", level: "silent" });
function open(options: Partial<ConductorOptions> = { serviceKey: keys.privateKey }): Conductor {
  const conductor = openConductor({ address: mesh.address, log, ...options });
  opened.push(conductor);
  return conductor;
}

const behalf = (access: Access = localAccess()): OnBehalf => ({
  access,
  requestId: "request-9",
  traceparent: "",
  signal: new AbortController().signal,
});
const person = (name: string) => ({ kind: "person", name });
const merge = (module: string, idempotencyKey = "") => ({
  module,
  idempotencyKey,
  act: { case: "merged" as const, value: { entities: [person("Betty")], into: person("Elizabeth Pepys") } },
});
const signal = () => AbortSignal.timeout(20_000);

describe("with a key that the conductor knows", () => {
  test("an act of whoever is on the machine is recorded as theirs, and travels to whoever listens", async () => {
    const conductor = open();
    const end = new AbortController();
    const heard = Promise.withResolvers<unknown>();
    const listening = (async () => {
      const start = { case: "fromBeginning" as const, value: true };
      const open = (place: object, options: { signal: AbortSignal }) =>
        conductor.subscribe({ modules: ["pepys"], start, ...place }, options);
      for await (const each of follow({ open, signal: end.signal })) {
        if (each.kind === "event") heard.resolve(each.event.body.value);
      }
    })();
    const { cursor, memoryId, deduplicated } = await conductor.recordGraphAct(merge("pepys", "k"), behalf());
    expect(deduplicated).toBe(false);
    expect(await heard.promise).toMatchObject({
      id: memoryId,
      position: cursor?.position,
      eventType: "cos.entity.merged",
      payloadType: "cos.graph.v1.EntitiesMerged",
      payload: { into: person("Elizabeth Pepys") },
      source: "cos",
      recordedBy: "local",
      requestId: "request-9",
    });
    end.abort();
    await listening;
    expect(await conductor.recordGraphAct(merge("pepys", "k"), behalf())).toMatchObject({ deduplicated: true, cursor });
    const asked = { ...merge("pepys", "k"), recordedOnly: true };
    expect(await conductor.recordGraphAct(asked, behalf())).toMatchObject({ deduplicated: true, cursor });
    const unknown = conductor.recordGraphAct({ ...asked, idempotencyKey: "unknown" }, behalf());
    await expect(unknown).rejects.toMatchObject({ reason: ErrorReason.MEMORY_NOT_FOUND });
  });

  test("a caller's own rights bound it, in the conductor's words", async () => {
    const reader = accessWith([["pepys", Verb.READ]], PrincipalKind.PERSON);
    await expect(open().recordGraphAct(merge("pepys"), behalf(reader))).rejects.toMatchObject({
      reasonName: "RIGHT_MISSING",
      message: 'this needs the right to record in module "pepys"',
    });
    await expect(open().recordGraphAct(merge("kept"), behalf(reader))).rejects.toMatchObject({
      reasonName: "MODULE_NOT_FOUND",
      resource: { type: "module", name: "kept" },
      fields: [{ field: "module" }],
    });
    const nobody = { ...merge("pepys"), act: { case: "merged" as const, value: {} } };
    await expect(open().recordGraphAct(nobody, behalf())).rejects.toMatchObject({ reasonName: "INVALID_FIELD" });
  });

  test("a cursor is judged by the log: good, above the head, of a history that nobody knows", async () => {
    const conductor = open();
    const { cursor: head = create(CursorSchema) } = await conductor.recordGraphAct(merge("pepys"), behalf());
    await expect(conductor.proveCursor(head, signal())).resolves.toMatchObject({ cursor: head, head: head.position });
    const above = create(CursorSchema, { ...head, position: head.position + 5n });
    expect(faultsIn(await failureOf(conductor.proveCursor(above, signal())))).toMatchObject({
      reason: "CURSOR_ABOVE_HEAD",
      code: Code.OutOfRange,
      faults: { faults: [{ given: above, resumeAt: head }] },
    });
    const foreign = create(CursorSchema, { ...above, epoch: "nobodys" });
    expect(faultsIn(await failureOf(conductor.proveCursor(foreign, signal())))).toMatchObject({
      reason: "CURSOR_PAST_FORK",
      code: Code.DataLoss,
      faults: { faults: [{ given: foreign, resumeAt: { position: 0n } }] },
    });
    const nowhere = create(CursorSchema, { module: "nowhere", position: 1n });
    await expect(conductor.proveCursor(nowhere, signal())).rejects.toMatchObject({ reasonName: "MODULE_NOT_FOUND" });
  });
});

function faultsIn(error: unknown): { reason: string; code: Code; faults: CursorFaults } {
  const { reasonName: reason, code, details } = error as CosError;
  const found = details.find(({ desc }) => desc.typeName === CursorFaultsSchema.typeName);
  return { reason, code, faults: found?.value as CursorFaults };
}

describe("without such a key", () => {
  test("the log is read, and nothing can be made by hand", async () => {
    const conductor = open({});
    const start = create(CursorSchema, { module: "pepys" });
    await expect(conductor.proveCursor(start, signal())).resolves.toMatchObject({ cursor: { module: "pepys" } });
    await expect(conductor.recordGraphAct(merge("pepys"), behalf())).rejects.toMatchObject({
      reasonName: "KIND_REFUSED",
      message: expect.stringMatching(/^nothing can be made by hand here/),
    });
  });

  test("with another one, the graph is not let in", async () => {
    const conductor = open({ serviceKey: generateKeyPairSync("ed25519").privateKey });
    await expect(conductor.recordGraphAct(merge("pepys"), behalf())).rejects.toMatchObject({
      reasonName: "ENGINE_UNAVAILABLE",
      message: "the conductor does not let this service in (TOKEN_INVALID)",
    });
  });
});

test("callers cannot record the log's own acts, whatever they call", async () => {
  const memory = { module: "kept", eventType: "cos.entity.merged", source: "cos", payload: { into: "x" } };
  await expect(mesh.client().conductor.recordMemory({ memory })).rejects.toMatchObject({ code: Code.InvalidArgument });
});

test("with the conductor away a write is UNAVAILABLE, names it, and goes through when it is back", async () => {
  const conductor = open();
  await mesh.kill9();
  await expect(conductor.recordGraphAct(merge("kept", "again"), behalf())).rejects.toMatchObject({
    reasonName: "ENGINE_UNAVAILABLE",
    code: Code.Unavailable,
    message: expect.stringMatching(/^the conductor/),
  });
  await mesh.restart();
  const once = () => conductor.recordGraphAct(merge("kept", "again"), behalf()).catch(() => undefined);
  let answer = await once();
  while (answer === undefined) answer = await once();
  expect(answer).toMatchObject({ cursor: { module: "kept", position: 1n } });
});
