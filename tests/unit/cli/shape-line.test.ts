import { fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { LineFault } from "#services/cli/import/line-fault.ts";
import { type PlanOptions, planLines } from "#services/cli/import/plan-lines.ts";
import { keyOf, shapeLine } from "#services/cli/import/shape-line.ts";

const PLAIN = { source: "me", event_type: "note" };

function shape(line: unknown, options: Partial<PlanOptions> = {}, number = 7) {
  const text = typeof line === "string" ? line : JSON.stringify(line);
  return shapeLine(planLines({ fileName: "diary.jsonl", ...options }), text, number);
}

function faultOf(line: unknown, options: Partial<PlanOptions> = {}): { field: string; message: string } {
  try {
    shape(line, options);
  } catch (error) {
    if (error instanceof LineFault) return { field: error.field, message: error.message };
  }
  throw new Error("no fault was found");
}

describe("a line is a memory", () => {
  test("in either spelling", () => {
    const snake = {
      ...PLAIN,
      occurred_at: "1660-01-11",
      session_id: "s",
      tags: ["a"],
      prompt_trace: { token_count: 3 },
    };
    const camel = {
      source: "me",
      eventType: "note",
      occurredAt: "1660-01-11T00:00:00Z",
      sessionId: "s",
      tags: ["a"],
      promptTrace: { tokenCount: 3 },
    };
    const [one, two] = [shape(snake).memory!, shape(camel).memory!];
    expect(toJson(MemorySchema, one)).toEqual(toJson(MemorySchema, two));
    expect(one.occurredAt?.seconds).toBe(-9_781_776_000n);
    expect(one.promptTrace?.tokenCount).toBe(3);
  });

  test("with its key", () => {
    expect(shape({ ...PLAIN, idempotency_key: "k" }).idempotencyKey).toBe("k");
    expect(shape({ ...PLAIN, idempotencyKey: 17 }).idempotencyKey).toBe("17");
  });

  test("what is left over goes into the payload", () => {
    const { memory } = shape({ ...PLAIN, works: [], mood: { day: "good" }, __proto: 1, payload: { pages: 2 } });
    expect(memory?.payload).toEqual({ pages: 2, works: [], mood: { day: "good" }, __proto: 1 });
  });

  test("a key called __proto__ is a key like any other", () => {
    const payload = shape('{"source":"me","event_type":"note","__proto__":{"polluted":true}}').memory?.payload;
    expect(Object.keys(payload!)).toEqual(["__proto__"]);
    expect("polluted" in {}).toBe(false);
  });

  test("null is unset, and what only the server sets is left out", () => {
    const { memory } = shape({
      ...PLAIN,
      text: null,
      id: "x",
      position: "4",
      recordedAt: "2026-01-01T00:00:00Z",
      request_id: "r",
    });
    expect(toJson(MemorySchema, memory!)).toEqual({ source: "me", eventType: "note" });
  });

  test("what list --json writes is read back as it was", () => {
    const source = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" });
    const memories = fc.record({
      source,
      text: fc.string({ unit: "grapheme" }),
      tags: fc.array(source),
      payload: fc.dictionary(fc.string(), fc.jsonValue()),
    });
    const property = fc.property(memories, ({ payload, ...rest }) => {
      const memory = fromJson(MemorySchema, {
        ...rest,
        eventType: "note",
        payload: JSON.parse(JSON.stringify(payload)) as JsonObject,
      });
      const json = toJson(MemorySchema, memory);
      expect(toJson(MemorySchema, shape(json).memory!)).toEqual(json);
    });
    fc.assert(property);
  });
});

describe("--map names fields that are called otherwise", () => {
  test("as the diary has them", () => {
    const map = [
      ["idempotency_key", "key"],
      ["occurredAt", "occurred_on"],
      ["source", "author"],
    ] as const;
    const line = {
      key: "pepys/1",
      occurred_on: "1660-01-11",
      author: "Samuel Pepys",
      event_type: "diary.entry",
      works: ["Naseby"],
    };
    const { memory, idempotencyKey } = shape(line, { map });
    expect(idempotencyKey).toBe("pepys/1");
    expect(toJson(MemorySchema, memory!)).toEqual({
      source: "Samuel Pepys",
      eventType: "diary.entry",
      occurredAt: "1660-01-11T00:00:00Z",
      payload: { works: ["Naseby"] },
    });
  });

  test("a field's own name is then left over", () => {
    const { memory } = shape({ event_type: "note", author: "me", source: "disk 3" }, { map: [["source", "author"]] });
    expect(memory).toMatchObject({ source: "me", payload: { source: "disk 3" } });
  });

  test("one key may fill two fields, a number a word, a word a list of tags", () => {
    const map = [
      ["idempotency_key", "id"],
      ["session_id", "id"],
      ["tags", "label"],
    ] as const;
    const { memory, idempotencyKey } = shape({ ...PLAIN, id: 42, label: "sea" }, { map });
    expect(idempotencyKey).toBe("42");
    expect(memory).toMatchObject({ sessionId: "42", tags: ["sea"] });
  });

  test("a field that no memory has is refused, with those that it has", () => {
    const plan = (): unknown => planLines({ fileName: "f", map: [["author", "x"]] });
    expect(plan).toThrow(/--map: a memory has no field author; there are module, event_type, source, text/);
    expect(plan).toThrow(/idempotency_key$/);
  });
});

describe("what lines lack", () => {
  test("a module for all of them wins over their own", () => {
    expect(shape({ ...PLAIN, module: "a" }).memory?.module).toBe("a");
    expect(shape({ ...PLAIN, module: "a" }, { module: "b" }).memory?.module).toBe("b");
  });

  test("source and event type for those that name none", () => {
    const options = { source: "disk", eventType: "log.line" };
    expect(shape({ text: "x" }, options).memory).toMatchObject({ source: "disk", eventType: "log.line" });
    expect(shape({ ...PLAIN, text: "x" }, options).memory).toMatchObject({ source: "me", eventType: "note" });
  });

  test("a key is made of the file's name, the line's number and its content", () => {
    const { idempotencyKey } = shape(PLAIN);
    expect(idempotencyKey).toMatch(/^diary\.jsonl:7:[\w-]{32}$/);
    expect(shape({ ...PLAIN, idempotency_key: "" }, {}, 8).idempotencyKey).toMatch(/^diary\.jsonl:8:/);
    expect(keyOf("diary.jsonl.gz", 7, "x")).toBe(keyOf("diary.jsonl", 7, "x"));
    expect(new Set([keyOf("f", 1, "x"), keyOf("f", 2, "x"), keyOf("f", 1, "y"), keyOf("g", 1, "x")]).size).toBe(4);
    expect(keyOf("n".repeat(255), Number.MAX_SAFE_INTEGER, "x").length).toBeLessThanOrEqual(200);
  });
});

describe("a fault names its field", () => {
  test.each<[string, unknown, string, string | RegExp]>([
    ["no JSON", "{oops", "", /^not JSON: /],
    ["a list", "[1]", "", "not a JSON object"],
    ["null", "null", "", "not a JSON object"],
    ["no source", { event_type: "note" }, "memory.source", /--source/],
    ["no event type", { source: "me" }, "memory.event_type", /--event-type/],
    ["a field in both spellings", { ...PLAIN, eventType: "note" }, "memory.event_type", "given twice"],
    ["a bad day", { ...PLAIN, occurred_at: "1660-02-30" }, "memory.occurred_at", "there is no 1660-02-30"],
    ["a time that is no text", { ...PLAIN, occurred_at: {} }, "memory.occurred_at", "must be a string"],
    ["a key that is no text", { ...PLAIN, idempotency_key: [] }, "idempotency_key", "must be a string"],
    ["tags that are no list", { ...PLAIN, tags: {} }, "memory.tags", /expected Array/],
    ["a text that is no text", { ...PLAIN, text: { a: 1 } }, "memory.text", /expected string/],
    ["a payload that is no object", { ...PLAIN, payload: [] }, "memory.payload", /.+/],
    [
      "a payload that is no object, with more beside it",
      { ...PLAIN, payload: 1, x: 1 },
      "memory.payload",
      "must be a JSON object",
    ],
    ["a name in the payload and beside it", { ...PLAIN, payload: { x: 1 }, x: 2 }, "memory.payload.x", /given twice/],
  ])("%s", (_, line, field, message) => {
    const fault = faultOf(line);
    expect(fault.field).toBe(field);
    expect(fault.message).toMatch(message);
  });
});
