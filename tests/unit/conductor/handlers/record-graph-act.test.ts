import { create } from "@bufbuild/protobuf";
import { expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { RecordGraphActRequestSchema } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import type { AcceptedMemory } from "#services/conductor/domain/accepted-memory.ts";
import { recordGraphAct } from "#services/conductor/handlers/record-graph-act.ts";
import type { Recorded } from "#services/conductor/store/group-commit.ts";
import { recordFault } from "#services/conductor/store/record-fault.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { accessWith } from "#tests/support/rpc/callers.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";

const access = accessWith([["*", Verb.RECORD]], PrincipalKind.AGENT);
const call: CallContext = {
  requestId: "request-1",
  traceId: "",
  traceparent: "",
  access,
  scope: access.scope,
  signal: new AbortController().signal,
  deadlineMs: Number.POSITIVE_INFINITY,
};

const merge = (name = "Betty") =>
  create(RecordGraphActRequestSchema, {
    module: "pepys",
    act: {
      case: "merged",
      value: { entities: [{ kind: "person", name }], into: { kind: "person", name: "Elizabeth Pepys" } },
    },
  });

const storeOf = (
  record: (accepted: AcceptedMemory) => Promise<Recorded>,
  find: (accepted: AcceptedMemory) => Promise<Recorded | undefined> = async () => undefined,
) => ({
  record: jest.fn((_: Scope, accepted: AcceptedMemory) => record(accepted)),
  findRecorded: jest.fn((_: Scope, accepted: AcceptedMemory) => find(accepted)),
});

test("records for whoever asked, within what they may see, and answers with the place", async () => {
  const store = storeOf(async ({ memory, module }) => ({
    memory,
    module,
    position: 7,
    epoch: "e1",
    deduplicated: true,
  }));
  const answer = await recordGraphAct(store)(merge(), call);
  const [scope, accepted] = store.record.mock.calls[0]!;
  expect(scope).toBe(access.scope);
  expect(accepted.memory).toMatchObject({ recordedBy: "editor-bot", requestId: "request-1", source: "cos" });
  expect(answer).toMatchObject({
    cursor: { module: "pepys", position: 7n, epoch: "e1" },
    memoryId: accepted.id,
    deduplicated: true,
  });
});

test("what breaks a rule is not recorded", async () => {
  const store = storeOf(() => Promise.reject(new Error("not to be called")));
  await expect(recordGraphAct(store)(merge("\ud800"), call)).rejects.toMatchObject({ reasonName: "INVALID_FIELD" });
  expect(store.record).not.toHaveBeenCalled();
});

test("what is only asked for is answered as it was recorded, or refused, and never recorded", async () => {
  const { memory, module } = someMemory({ module: "pepys" });
  const never = () => Promise.reject(new Error("not to be called"));
  const earlier = { memory, module, position: 3, epoch: "e1", deduplicated: true };
  const asked = { ...merge(), recordedOnly: true, idempotencyKey: "k" };
  const known = storeOf(never, async () => earlier);
  await expect(recordGraphAct(known)(asked, call)).resolves.toMatchObject({
    cursor: { position: 3n },
    memoryId: memory.id,
    deduplicated: true,
  });
  expect(known.findRecorded.mock.calls[0]?.[0]).toBe(access.scope);
  const refused = { reasonName: "MEMORY_NOT_FOUND" };
  await expect(recordGraphAct(storeOf(never))(asked, call)).rejects.toMatchObject(refused);
});

test("a module that is not there is told by the field that named it; other refusals as they are", async () => {
  const unknown = recordFault("module_unknown", someMemory({ module: "pepys" }), "");
  const refused = recordGraphAct(storeOf(() => Promise.reject(unknown)))(merge(), call);
  await expect(refused).rejects.toMatchObject({
    reason: ErrorReason.MODULE_NOT_FOUND,
    message: 'there is no module "pepys"',
    fields: [{ field: "module", description: "must be a registered module" }],
  });
  for (const error of [new CosError(ErrorReason.OVERLOADED, "too many"), new TypeError("a bug")]) {
    await expect(recordGraphAct(storeOf(() => Promise.reject(error)))(merge(), call)).rejects.toBe(error);
  }
});
