import { create, fromJson, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { type RecordGraphActRequest, RecordGraphActRequestSchema } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { GraphChangedSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { acceptGraphAct } from "#services/conductor/domain/accept-graph-act.ts";
import { checkGraphAct } from "#services/conductor/domain/check-graph-act.ts";
import { CosError } from "#shared/errors/cos-error.ts";

const ID = "01930000-0000-7000-8000-00000000000a";
const OTHER = "01930000-0000-7000-8000-00000000000b";
const marks = {
  id: "01930000-0000-7000-8000-0000000000ff",
  requestId: "request 1",
  recordedBy: "ada",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

type Init = MessageInitShape<typeof RecordGraphActRequestSchema>;
type Act = NonNullable<Init["act"]>;

const request = (act: Act, more: { module?: string; idempotencyKey?: string } = {}): RecordGraphActRequest =>
  create(RecordGraphActRequestSchema, { act, ...more });

const node = (properties?: JsonObject, name = "Elizabeth Pepys", id = ID): Act => ({
  case: "changed",
  value: {
    changes: [
      { change: { case: "nodeWritten", value: { id, label: "Entity", name, ...(properties && { properties }) } } },
    ],
  },
});

const relationship = (fromId: string, toId: string, properties?: JsonObject): Act => ({
  case: "changed",
  value: {
    changes: [
      { change: { case: "nodeDeleted", value: { id: ID } } },
      {
        change: {
          case: "relationshipWritten",
          value: { id: ID, type: "RELATES_TO", fromId, toId, ...(properties && { properties }) },
        },
      },
    ],
  },
});

const merged = (from: string, into: string): Act => ({
  case: "merged",
  value: { entities: [{ kind: "person", name: from }], into: { kind: "person", name: into } },
});
const split = (entity: string, name: string): Act => ({
  case: "split",
  value: { entity: { kind: "person", name: entity }, name: { kind: "person", name } },
});

const faultsOf = (act: Act, idempotencyKey = "") =>
  checkGraphAct(request(act, { idempotencyKey })).map(({ field, description }) => [field, description]);
const properties = "changed.changes[0].node_written.properties";
const byNumber = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n]));

describe("properties", () => {
  test("may be texts, numbers and truth values, 32 of them, up to their borders", () => {
    const good = {
      ...byNumber(28),
      text: "x".repeat(1000),
      wide: "\u{1f58b}".repeat(1000),
      none: "",
      [`a${"_9".repeat(19)}z`]: true,
    };
    expect(Object.keys(good)).toHaveLength(32);
    expect(faultsOf(node(good))).toEqual([]);
    expect(faultsOf(node({ negative: -1.5, no: false }))).toEqual([]);
    expect(faultsOf(node())).toEqual([]);
  });

  test.each<[string, JsonObject, string]>([
    ["nothing", { x: null }, "must be a text, a number or a truth value"],
    ["a list", { x: [1] }, "must be a text, a number or a truth value"],
    ["an object", { x: { y: 1 } }, "must be a text, a number or a truth value"],
    ["a text of 1,001 characters", { x: "x".repeat(1001) }, "must be at most 1000 characters"],
    ["1,001 characters of two units", { x: "\u{1f58b}".repeat(1001) }, "must be at most 1000 characters"],
    ["1,001 characters of one unit or two", { x: `${"x".repeat(999)}\u{1f58b}y` }, "must be at most 1000 characters"],
    ["a NUL", { x: "a\0b" }, "must not contain a NUL character"],
    ["half a character", { x: "\ud800" }, "must be well-formed Unicode: it contains half a surrogate pair"],
    ["no number", { x: Number.NaN }, "must be a finite number"],
    ["infinity", { x: Number.NEGATIVE_INFINITY }, "must be a finite number"],
  ])("are refused that hold %s, by their path", (_, bad, description) => {
    expect(faultsOf(node({ fine: 1, ...bad }))).toEqual([[`${properties}.x`, description]]);
  });

  test.each(["", "X", "9a", "_a", "a-b", "a b", "a".repeat(41), "__proto__", "a\n", "ä"])(
    "are refused of the name %p, which is not repeated",
    (name) => {
      const bad = JSON.parse(`{${JSON.stringify(name)}: "some"}`) as JsonObject;
      expect(faultsOf(node(bad))).toEqual([[properties, expect.stringMatching(/^a property's name is small letters/)]]);
    },
  );

  test("are refused beyond 32", () => {
    expect(faultsOf(node(byNumber(33)))).toEqual([[properties, "must be at most 32 properties"]]);
  });

  test("of relationships are the same, and every fault is told", () => {
    const path = "changed.changes[1].relationship_written";
    expect(faultsOf(relationship(ID, ID.toUpperCase(), { x: null, y: [] }))).toEqual([
      [`${path}.to_id`, "must be another node than from_id"],
      [`${path}.properties.x`, expect.any(String)],
      [`${path}.properties.y`, expect.any(String)],
    ]);
    expect(faultsOf(relationship(ID, OTHER))).toEqual([]);
  });
});

describe("names and keys", () => {
  const half = "\udfff";
  const description = "must be well-formed Unicode: it contains half a surrogate pair";

  test.each<[string, Act, string]>([
    ["a node", node({}, half), "changed.changes[0].node_written.name"],
    ["an entity to be merged", merged(half, "b"), "merged.entities[0].name"],
    ["the one that it becomes", merged("a", half), "merged.into.name"],
    ["an entity to be split", split(half, "b"), "split.entity.name"],
    ["the name that leaves it", split("a", half), "split.name.name"],
  ])("half a character in the name of %s is refused", (_, act, field) => {
    expect(faultsOf(act)).toEqual([[field, description]]);
  });

  test("and in the key", () => {
    expect(faultsOf(merged("a", "b"), half)).toEqual([["idempotency_key", description]]);
  });

  test("a request that says nothing is refused, whoever asks", () => {
    expect(faultsOf({ case: undefined })).toEqual([["act", "is required"]]);
    expect(faultsOf({ case: "merged", value: {} })).toEqual([]);
  });
});

describe("an act becomes a memory of the log's own", () => {
  test.each<[string, Act, string, string]>([
    ["a change", node({ a: 1 }), "cos.graph.changed", "cos.graph.v1.GraphChanged"],
    ["a merge", merged("a", "b"), "cos.entity.merged", "cos.graph.v1.EntitiesMerged"],
    ["a split", split("a", "b"), "cos.entity.split", "cos.graph.v1.EntitySplit"],
  ])("%s, by its type, from cos, recorded by whoever asked for it", (_, act, eventType, payloadType) => {
    const accepted = acceptGraphAct(request(act), marks);
    expect(accepted).toMatchObject({
      id: marks.id,
      module: "cc",
      memory: {
        id: marks.id,
        module: "cc",
        eventType,
        payloadType,
        source: "cos",
        text: "",
        recordedBy: "ada",
        requestId: "request 1",
        traceId: marks.traceId,
      },
      idempotencyKey: "",
      contentHash: "",
      traceparent: marks.traceparent,
    });
    expect(accepted.size).toBeGreaterThan(100);
  });

  test("its payload is the message as JSON, and is read back as it was sent, ids in lower case, no zero below zero", () => {
    const act = relationship(ID.toUpperCase(), OTHER.toUpperCase(), { weight: -0, since: "1655" });
    const { module, memory } = acceptGraphAct(request(act, { module: "pepys" }), marks);
    expect([module, memory.module]).toEqual(["pepys", "pepys"]);
    const expected = relationship(ID, OTHER, { weight: 0, since: "1655" });
    expect(fromJson(GraphChangedSchema, memory.payload!)).toEqual(create(GraphChangedSchema, expected.value as object));
  });

  test("what was sent is left as it is", () => {
    const sent = request(node({}, "x", ID.toUpperCase()));
    acceptGraphAct(sent, marks);
    expect(sent.act.case === "changed" && sent.act.value.changes[0]?.change.value?.id).toBe(ID.toUpperCase());
  });

  test("a deletion's id and a change that says nothing are kept too", () => {
    const act: Act = {
      case: "changed",
      value: { changes: [{}, { change: { case: "relationshipDeleted", value: { id: ID.toUpperCase() } } }] },
    };
    expect(acceptGraphAct(request(act), marks).memory.payload).toEqual({
      changes: [{}, { relationshipDeleted: { id: ID } }],
    });
  });

  test("every fault is told at once, the first in the message", () => {
    const refused = refusalOf(node({ x: null, y: null }));
    expect(refused).toMatchObject({ reasonName: "INVALID_FIELD" });
    expect(refused.message).toBe(`${properties}.x: must be a text, a number or a truth value`);
    expect(refused.fields.map(({ field }) => field)).toEqual([`${properties}.x`, `${properties}.y`]);
  });

  test("over 64 KiB as JSON it is refused as a whole", () => {
    const change = { case: "nodeWritten", value: { id: ID, label: "Entity", name: "x".repeat(200) } } as const;
    const act: Act = { case: "changed", value: { changes: Array.from({ length: 300 }, () => ({ change })) } };
    expect(refusalOf(act).fields).toEqual([{ field: "changed", description: "must be at most 64 KiB as JSON" }]);
  });

  test("its key cannot be a caller's, which has 200 characters at most, and tells content apart", () => {
    const accept = (act: Act, idempotencyKey: string) => acceptGraphAct(request(act, { idempotencyKey }), marks);
    const [one, again, other] = [accept(node({ a: 1 }), "k"), accept(node({ a: 1 }), "k"), accept(node({ a: 2 }), "k")];
    expect(one.idempotencyKey.length).toBeGreaterThan(200);
    expect(one.idempotencyKey.endsWith("k")).toBe(true);
    expect(accept(node(), "kk").idempotencyKey).not.toBe(one.idempotencyKey);
    expect(one.contentHash).toMatch(/^[0-9a-f]{64}$/);
    expect([again.contentHash, other.contentHash === one.contentHash]).toEqual([one.contentHash, false]);
  });
});

function refusalOf(act: Act): CosError {
  try {
    acceptGraphAct(request(act), marks);
  } catch (error) {
    if (error instanceof CosError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
