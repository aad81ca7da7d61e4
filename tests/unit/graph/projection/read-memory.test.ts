import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Mention } from "#services/graph/domain/mention.ts";
import { excerptOf, readMemory } from "#services/graph/projection/read-memory.ts";

const ID = "019a3f5e-7c1b-7d0e-8c55-0f6b2a9d4e11";
const read = (fields: MessageInitShape<typeof MemorySchema>, extract: () => Mention[] = () => []) =>
  readMemory(create(MemorySchema, { id: ID, module: "cc", position: 7n, eventType: "note", ...fields }), extract);
const mention: Mention = { kind: "place", key: "deptford", forms: ["Deptford"], count: 1, passages: [0] };

describe("readMemory", () => {
  test("a memory is remembered with its first words, and what it names", () => {
    const memory = {
      text: " To\n Deptford ",
      source: "Pepys",
      sessionId: "s",
      occurredAt: timestampFromMs(-9_000_000_000_001),
    };
    expect(read(memory, () => [mention])).toEqual({
      position: 7,
      memoryId: ID,
      kind: "remembered",
      memory: {
        label: "LogEntry",
        name: "To Deptford",
        eventType: "note",
        source: "Pepys",
        session: "s",
        cause: "",
        occurredMs: -9_000_000_000_001,
        forgotten: false,
      },
      mentions: [mention],
    });
  });

  test("one with a prompt trace is a prompt, called by its prompt where it has no text", () => {
    expect(read({ promptTrace: { prompt: "Who was Batten?" } })).toMatchObject({
      memory: { label: "Prompt", name: "Who was Batten?" },
    });
    expect(read({ text: "Asked", promptTrace: { prompt: "Who?" } })).toMatchObject({ memory: { name: "Asked" } });
  });

  test("without a time of its own it happened when it was recorded", () => {
    expect(read({ recordedAt: timestampFromMs(5) })).toMatchObject({ memory: { occurredMs: 5 } });
    expect(read({})).toMatchObject({ memory: { occurredMs: 0 } });
  });

  test("a memory that says it led to itself was led to by none", () => {
    expect(read({ causationId: ID })).toMatchObject({ memory: { cause: "" } });
    expect(read({ causationId: ID.replace("019a", "019b") })).toMatchObject({
      memory: { cause: ID.replace("019a", "019b") },
    });
  });

  test("of a forgotten one nothing is left but its place and type, and nothing is looked for", () => {
    const extract = () => {
      throw new Error("looked");
    };
    expect(
      read({ forgottenAt: timestampFromMs(9), recordedAt: timestampFromMs(5), promptTrace: {} }, extract),
    ).toMatchObject({
      memory: { label: "LogEntry", name: "", source: "", session: "", occurredMs: undefined, forgotten: true },
      mentions: [],
    });
  });

  test("the log's own acts are read by their types, with fields of later builds passed over", () => {
    const act = (eventType: string, payload: Record<string, unknown>) => read({ eventType, payload: payload as never });
    const [entity, name] = [
      { kind: "person", name: "W. Batten" },
      { kind: "person", name: "Batten" },
    ];
    expect(act("cos.memory.forgotten", { ids: [ID], positions: ["3"], later: 1 })).toMatchObject({
      kind: "forgotten",
      ids: [ID],
    });
    expect(act("cos.graph.changed", { changes: [{ nodeDeleted: { id: ID } }] })).toMatchObject({
      kind: "changed",
      changes: [{ change: { case: "nodeDeleted", value: { id: ID } } }],
    });
    expect(act("cos.entity.merged", { entities: [entity], into: name })).toMatchObject({
      kind: "merged",
      entities: [entity],
      into: name,
    });
    expect(act("cos.entity.split", { entity, name })).toMatchObject({ kind: "split", entity, name });
    expect(act("cos.fact.asserted", { what: "ever" })).toEqual({ position: 7, memoryId: ID, kind: "passed" });
  });

  test("an act that is not what its type says is refused, so that it can be passed over", () => {
    expect(() => read({ eventType: "cos.entity.merged", payload: {} })).toThrow("cos.entity.merged lacks a field");
    expect(() => read({ eventType: "cos.memory.forgotten", payload: { ids: 3 } })).toThrow();
    expect(read({ eventType: "cos.graph.changed" })).toMatchObject({ kind: "changed", changes: [] });
  });
});

describe("excerptOf", () => {
  test("cuts at 200 characters, and none in two", () => {
    expect(excerptOf("ä".repeat(300))).toBe("ä".repeat(200));
    expect(excerptOf("😀".repeat(300))).toBe("😀".repeat(200));
    expect(excerptOf(`${" ".repeat(700)}x${"😀".repeat(200)}`).isWellFormed()).toBe(true);
  });
});
