// Acts upon the graph, from the handler to the log and back, on PostgreSQL.
import { create, fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  type RecordGraphActRequest,
  RecordGraphActRequestSchema,
  type RecordGraphActResponse,
} from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { EntitiesMergedSchema, GraphChangedSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { recordGraphAct } from "#services/conductor/handlers/record-graph-act.ts";
import type { Committed } from "#services/conductor/store/group-commit.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localScope } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";

const everything = localScope();
let given: TestStore;
const announced: { module: string; committed: readonly Committed[] }[] = [];

beforeAll(async () => {
  given = await openTestStore({ onCommitted: (module, committed) => void announced.push({ module, committed }) });
});
afterAll(() => given.close());

let names = 0;
async function freshModule(): Promise<string> {
  names += 1;
  const name = `graphed${names}`;
  await given.store.registerModule(everything, create(ModuleSchema, { name }));
  return name;
}

/** Ada calls, and the graph for her. */
function callOf(grants: [string, Verb][] = [["*", Verb.RECORD]]): CallContext {
  const access = new Access({
    principal: { name: "ada", kind: PrincipalKind.PERSON, grants: new Map(grants) },
    via: { name: "graph", kind: PrincipalKind.SERVICE, grants: new Map([["*", Verb.RECORD]]) },
    credential: CredentialKind.SERVICE,
  });
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  return {
    requestId: "request 7",
    traceId,
    traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    access,
    scope: access.scope,
    signal: new AbortController().signal,
    deadlineMs: Number.POSITIVE_INFINITY,
  };
}

const ID = "01930000-0000-7000-8000-00000000000a";
type Init = MessageInitShape<typeof RecordGraphActRequestSchema>;

const write = (module: string, name: string, idempotencyKey = "", properties: Record<string, number> = {}): Init => ({
  module,
  idempotencyKey,
  act: {
    case: "changed",
    value: {
      changes: [{ change: { case: "nodeWritten", value: { id: ID, label: "Entity", name, properties } } }],
    },
  },
});

const merge = (module: string): Init => ({
  module,
  act: {
    case: "merged",
    value: { entities: [{ kind: "person", name: "Betty" }], into: { kind: "person", name: "Elizabeth Pepys" } },
  },
});

async function record(init: Init, call = callOf()): Promise<RecordGraphActResponse> {
  const request: RecordGraphActRequest = create(RecordGraphActRequestSchema, init);
  return (await recordGraphAct(given.store)(request, call)) as RecordGraphActResponse;
}

async function eventsOf(module: string) {
  const { events } = await given.store.log.read(everything, module, 0, { eventsMax: 100, bytesMax: 1_000_000 });
  return events.map(({ body, traceparent }) => ({ memory: body.value!, traceparent }));
}

describe("an act", () => {
  test("H7: is a row of the log like any other, announced and read again as it was", async () => {
    const module = await freshModule();
    await given.store.record(everything, someMemory({ module }));
    const first = await record(write(module, "the Naseby", "", { guns: 80 }));
    const second = await record(merge(module));
    expect([first, second].map(({ cursor }) => [cursor?.module, cursor?.position])).toEqual([
      [module, 2n],
      [module, 3n],
    ]);
    expect(first.cursor?.epoch).toBe(given.store.log.epochs().current.identity);

    const events = await eventsOf(module);
    expect(events.map(({ memory }) => [memory.position, memory.eventType, memory.payloadType])).toEqual([
      [1n, "note", ""],
      [2n, "cos.graph.changed", "cos.graph.v1.GraphChanged"],
      [3n, "cos.entity.merged", "cos.graph.v1.EntitiesMerged"],
    ]);
    expect(events[1]).toMatchObject({
      memory: { id: first.memoryId, source: "cos", recordedBy: "ada", requestId: "request 7", text: "" },
      traceparent: callOf().traceparent,
    });
    expect(fromJson(GraphChangedSchema, events[1]!.memory.payload!).changes[0]?.change.value).toMatchObject({
      id: ID,
      name: "the Naseby",
      properties: { guns: 80 },
    });
    expect(fromJson(EntitiesMergedSchema, events[2]!.memory.payload!).into?.name).toBe("Elizabeth Pepys");
    const heard = announced.filter((each) => each.module === module).flatMap(({ committed }) => committed);
    expect(heard.map(({ position, event }) => [position, event.body.value])).toEqual(
      events.map(({ memory }) => [Number(memory.position), memory]),
    );
  });

  test("H1: many at once, among memories, stand one after the other without a gap", async () => {
    const module = await freshModule();
    const calls = Array.from({ length: 60 }, (_, n) =>
      n % 3 === 0
        ? record(write(module, `ship ${n}`)).then(({ cursor }) => Number(cursor?.position))
        : given.store.record(everything, someMemory({ module })).then(({ position }) => position),
    );
    const positions = await Promise.all(calls);
    expect(positions.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  });

  test("asked for by its key it is found as it was recorded; other content, and what is not there, is refused", async () => {
    const module = await freshModule();
    const asked = { ...write(module, "the Naseby", "k"), recordedOnly: true };
    const missing = { reason: ErrorReason.MEMORY_NOT_FOUND };
    await expect(record(asked)).rejects.toMatchObject(missing);
    const { cursor, memoryId } = await record(write(module, "the Naseby", "k"));
    await expect(record(asked)).resolves.toMatchObject({ cursor, memoryId, deduplicated: true });
    await expect(record({ ...asked, idempotencyKey: "" })).rejects.toMatchObject(missing);
    const other = { ...write(module, "another", "k"), recordedOnly: true };
    await expect(record(other)).rejects.toMatchObject({ reason: ErrorReason.IDEMPOTENCY_KEY_REUSED });
    const stranger = record(asked, callOf([["cc", Verb.RECORD]]));
    await expect(stranger).rejects.toMatchObject({ reason: ErrorReason.MODULE_NOT_FOUND });
    expect(await eventsOf(module)).toHaveLength(1);
  });

  test("B8: is taken in a retired module too", async () => {
    const module = await freshModule();
    await given.client.query("update mem0_cc.module set state = 'retired' where name = $1", [module]);
    await expect(record(merge(module))).resolves.toMatchObject({ cursor: { position: 1n } });
  });

  test("F3: is not forgotten, however much is", async () => {
    const module = await freshModule();
    await record(write(module, "Elizabeth"));
    const { rows } = await given.client.query(
      `select mem0_cc.forget_batch($1, array[1]::bigint[], '{"id": "${ID}", "event_type": "cos.memory.forgotten"}') as at`,
      [module],
    );
    expect(rows).toEqual([{ at: null }]);
    expect((await eventsOf(module))[0]?.memory.payload).toMatchObject({
      changes: [{ nodeWritten: { name: "Elizabeth" } }],
    });
  });
});

describe("a key", () => {
  test("makes a repetition safe: the first answer again, whoever asks at once", async () => {
    const module = await freshModule();
    const answers = await Promise.all(Array.from({ length: 20 }, () => record(write(module, "x", "k"))));
    expect(new Set(answers.map(({ memoryId }) => memoryId)).size).toBe(1);
    expect(answers.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    expect(await eventsOf(module)).toHaveLength(1);
  });

  test("of another act is refused, naming the key", async () => {
    const module = await freshModule();
    await record(write(module, "x", "k"));
    await expect(record(write(module, "y", "k"))).rejects.toMatchObject({
      reason: ErrorReason.IDEMPOTENCY_KEY_REUSED,
      fields: [{ field: "idempotency_key" }],
    });
  });

  test("never meets a caller's, not even one that was made to", async () => {
    const module = await freshModule();
    await record(write(module, "x", "k"));
    const { rows } = await given.client.query("select idempotency_key from mem0_cc.memory where module = $1", [module]);
    const stored = rows[0].idempotency_key as string;
    // The contract lets callers' keys have 200 characters.
    expect(Array.from(stored).length).toBeGreaterThan(200);
    for (const key of ["k", stored.slice(0, 200)]) {
      await expect(given.store.record(everything, someMemory({ module }, key))).resolves.toMatchObject({
        deduplicated: false,
      });
    }
    await expect(record(write(module, "x", "k"))).resolves.toMatchObject({
      deduplicated: true,
      cursor: { position: 1n },
    });
  });

  test("of the most characters that the contract takes is kept", async () => {
    const module = await freshModule();
    const key = "\u{1f58b}".repeat(200);
    await record(write(module, "x", key));
    await expect(record(write(module, "x", key))).resolves.toMatchObject({ deduplicated: true });
  });
});

test("a module that is not there, or that the caller may not see, is refused by the field that named it", async () => {
  const module = await freshModule();
  const refusal = { reason: ErrorReason.MODULE_NOT_FOUND, fields: [{ field: "module" }] };
  await expect(record(merge("nowhere"))).rejects.toMatchObject({ ...refusal, resource: { name: "nowhere" } });
  await expect(record(merge(module), callOf([["cc", Verb.ADMIN]]))).rejects.toMatchObject(refusal);
  await expect(record(merge(module), callOf([[module, Verb.READ]]))).rejects.toMatchObject({
    reason: ErrorReason.RIGHT_MISSING,
  });
  expect(await eventsOf(module)).toEqual([]);
});
