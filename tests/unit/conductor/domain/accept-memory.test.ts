import { create, fromBinary, fromJsonString, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Memory, MemorySchema, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { type AcceptOptions, acceptMemory } from "#services/conductor/domain/accept-memory.ts";
import { inView } from "#services/conductor/domain/in-view.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { someRequest } from "../some-memory.ts";

const marks = {
  id: "01a20894-80c0-76cd-b204-05a1a94d596f",
  requestId: "request 1",
  recordedBy: "editor-bot",
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  traceparent: "",
};

type Init = Parameters<typeof someRequest>[0];

const accept = (memory: Init = {}, key = "", options?: AcceptOptions) =>
  acceptMemory(someRequest(memory, key), marks, options);

function faultsOf(memory: Init, key = "", options?: AcceptOptions): string[] {
  try {
    accept(memory, key, options);
    return [];
  } catch (error) {
    return (error as CosError).fields.map(({ field, description }) => `${field}: ${description}`);
  }
}

const nested = (depth: number): JsonObject => (depth === 1 ? {} : { a: nested(depth - 1) });

describe("what is accepted", () => {
  test("the default module is filled in, and what is output only comes from the call alone", () => {
    const { memory, module } = accept({
      id: "00000000-0000-7000-8000-000000000000",
      position: 7n,
      requestId: "made up",
      traceId: "made up",
      recordedAt: { seconds: 1n },
      forgottenAt: { seconds: 1n },
    });
    expect(module).toBe("cc");
    expect(memory).toMatchObject({
      module: "cc",
      id: marks.id,
      requestId: "request 1",
      traceId: marks.traceId,
      position: 0n,
    });
    expect(memory.recordedAt).toBeUndefined();
    expect(memory.forgottenAt).toBeUndefined();
  });

  test("repeated tags are collapsed in the order in which they came first", () => {
    expect(accept({ tags: ["b", "a", "b", "c", "a"] }).memory.tags).toEqual(["b", "a", "c"]);
  });

  test("uuids are kept in lower case", () => {
    const causationId = "01A20894-80C0-76CD-B204-05A1A94D596F";
    expect(accept({ causationId }).memory.causationId).toBe(causationId.toLowerCase());
  });

  test("times are cut to the microsecond, never rounded into the next one", () => {
    const { memory } = accept({ occurredAt: { seconds: 253_402_300_799n, nanos: 999_999_999 } });
    expect(memory.occurredAt).toMatchObject({ seconds: 253_402_300_799n, nanos: 999_999_000 });
  });

  test("the first and the last instant that the contract knows are good", () => {
    expect(faultsOf({ occurredAt: { seconds: -62_135_596_800n } })).toEqual([]);
    expect(faultsOf({ occurredAt: { seconds: 253_402_300_799n, nanos: 999_999_999 } })).toEqual([]);
  });

  test("a payload or a prompt trace is enough without a text", () => {
    expect(faultsOf({ text: "", payload: { a: 1 } })).toEqual([]);
    expect(faultsOf({ text: "", promptTrace: { prompt: "why" } })).toEqual([]);
    expect(faultsOf({ text: "", promptTrace: { response: "because" } })).toEqual([]);
  });

  test("a prompt trace in which nothing is set is none", () => {
    expect(accept({ promptTrace: {} }).memory.promptTrace).toBeUndefined();
    expect(accept({ promptTrace: { tokenCount: 1 } }).memory.promptTrace).toBeDefined();
  });

  test("types that merely look like the log's own are the caller's", () => {
    expect(faultsOf({ eventType: "cos" })).toEqual([]);
    expect(faultsOf({ eventType: "cosmos.seen" })).toEqual([]);
  });

  test("a payload of exactly 64 KiB of JSON, and one nested 32 deep, are good", () => {
    expect(faultsOf({ payload: { a: "x".repeat(65_536 - '{"a":""}'.length) } })).toEqual([]);
    expect(faultsOf({ payload: nested(32) })).toEqual([]);
    expect(faultsOf({ payload: { a: [null, true, 1, "b", { c: [] }] } })).toEqual([]);
  });

  test("a payload may have keys that mean something to JavaScript", () => {
    const json = '{"__proto__":{"a":1},"b":{"__proto__":2,"constructor":3}}';
    const sent = fromJsonString(MemorySchema, `{"eventType":"note","source":"me","payload":${json}}`);
    const { memory } = accept({ payload: fromBinary(MemorySchema, toBinary(MemorySchema, sent)).payload ?? {} });
    expect(JSON.stringify(memory.payload)).toBe(json);
    expect(toBinary(MemorySchema, memory)).toEqual(
      toBinary(MemorySchema, { ...memory, payload: JSON.parse(json) as JsonObject }),
    );
    expect(faultsOf({ payload: JSON.parse('{"__proto__":{"a":"\\u0000"}}') as JsonObject })).toEqual([
      "memory.payload.__proto__.a: must not contain a NUL character",
    ]);
  });

  test("a payload is kept as JSON has it: without a negative zero", () => {
    expect(Object.is(accept({ payload: { a: -0 } }).memory.payload?.a, 0)).toBe(true);
  });

  test("the size is that of the encoded memory", () => {
    expect(accept({ text: "x".repeat(10_000) }).size).toBeGreaterThan(10_000);
  });
});

describe("what is refused, and under which name", () => {
  const text = "memory.text: a memory needs a text, a payload or a prompt trace";
  const nul = "must not contain a NUL character";
  const half = "must be well-formed Unicode: it contains half a surrogate pair";
  const cases: [string, Init, string][] = [
    ["no content at all", { text: "" }, text],
    ["an empty payload", { text: "", payload: {} }, text],
    ["a prompt trace of counts alone", { text: "", promptTrace: { model: "m", tokenCount: 3 } }, text],
    [
      "a type of the log's own",
      { eventType: "cos.memory.forgotten" },
      "memory.event_type: types that begin with `cos.` are the log's own",
    ],
    ["a NUL in the text", { text: "a\0b" }, `memory.text: ${nul}`],
    ["a NUL in the source", { source: "a\0b" }, `memory.source: ${nul}`],
    ["a NUL in the session", { sessionId: "a\0b" }, `memory.session_id: ${nul}`],
    ["a NUL in a tag", { tags: ["a", "b\0"] }, `memory.tags[1]: ${nul}`],
    ["a NUL in a prompt", { promptTrace: { prompt: "\0" } }, `memory.prompt_trace.prompt: ${nul}`],
    ["a NUL in a response", { promptTrace: { response: "\0" } }, `memory.prompt_trace.response: ${nul}`],
    ["a NUL in a model", { promptTrace: { prompt: "p", model: "\0" } }, `memory.prompt_trace.model: ${nul}`],
    ["a NUL deep in the payload", { payload: { a: { b: ["x", "\0"] } } }, `memory.payload.a.b[1]: ${nul}`],
    ["a NUL in a key of the payload", { payload: { a: { "\0": 1 } } }, `memory.payload.a: a key ${nul}`],
    ["half a surrogate pair in the text", { text: "\ud800" }, `memory.text: ${half}`],
    ["half a surrogate pair in the payload", { payload: { a: "\udc00" } }, `memory.payload.a: ${half}`],
    ["a number that is none", { payload: { a: [1, Number.NaN] } }, "memory.payload.a[1]: numbers must be finite"],
    ["an infinite number", { payload: { a: Number.POSITIVE_INFINITY } }, "memory.payload.a: numbers must be finite"],
    ["a payload over 64 KiB", { payload: { a: "x".repeat(65_536) } }, "memory.payload: must be at most 64 KiB as JSON"],
    [
      "a payload nested 33 deep",
      { payload: nested(33) },
      `memory.payload${".a".repeat(32)}: must not be nested more than 32 deep`,
    ],
    ["the year 0", { occurredAt: { seconds: -62_135_596_801n } }, "memory.occurred_at: must lie from year 1 to 9999"],
    [
      "the year 10000",
      { occurredAt: { seconds: 253_402_300_800n } },
      "memory.occurred_at: must lie from year 1 to 9999",
    ],
    ["nanoseconds below 0", { occurredAt: { nanos: -1 } }, "memory.occurred_at: nanos must be from 0 to 999999999"],
    [
      "a second of nanoseconds",
      { occurredAt: { nanos: 1e9 } },
      "memory.occurred_at: nanos must be from 0 to 999999999",
    ],
  ];
  test.each(cases)("%s", (_, memory, fault) => {
    expect(faultsOf(memory)).toEqual([fault]);
  });

  test("a NUL in the key", () => {
    expect(faultsOf({}, "a\0")).toEqual([`idempotency_key: ${nul}`]);
  });

  test("every fault is told at once, each with the path of its item", () => {
    const faults = faultsOf({ text: "\0", source: "\0" }, "", { path: "requests[3]." });
    expect(faults).toEqual([`requests[3].memory.source: ${nul}`, `requests[3].memory.text: ${nul}`]);
  });

  test("no memory at all", () => {
    const request = create(RecordMemoryRequestSchema, {});
    expect(() => acceptMemory(request, marks, { path: "requests[0]." })).toThrow("requests[0].memory: is required");
  });

  test("what the contract's own rules refuse comes first, and alone", () => {
    const validate = () => [{ field: "memory.source", description: "is too long" }];
    expect(faultsOf({ text: "" }, "", { validate, path: "requests[1]." })).toEqual([
      "requests[1].memory.source: is too long",
    ]);
    expect(faultsOf({}, "", { validate: () => [] })).toEqual([]);
  });
});

describe("content, for idempotency", () => {
  const hash = (memory: Init, key = "k") => accept(memory, key).contentHash;

  test("without a key there is no hash", () => {
    expect(hash({}, "")).toBe("");
  });

  test("the order of a payload's keys is no content, whatever the payload", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()), (given) => {
        const payload = JSON.parse(JSON.stringify(given)) as Record<string, never>;
        const turned = Object.fromEntries(Object.entries(payload).reverse());
        fc.pre(faultsOf({ payload }).length === 0);
        expect(hash({ payload: turned })).toBe(hash({ payload }));
      }),
    );
  });

  test("each field that the caller sets is content", () => {
    const base: Init = { payload: { a: 1 } };
    const others: Init[] = [
      {},
      { payload: { a: 2 } },
      { payload: { a: [["b", 1]] } },
      { payload: { a: { b: 1 } } },
      { ...base, module: "drafts" },
      { ...base, eventType: "other" },
      { ...base, source: "other" },
      { ...base, text: "other" },
      { ...base, sessionId: "s" },
      { ...base, tags: ["t"] },
      { ...base, payloadType: "cos.x.v1.Y" },
      { ...base, causationId: marks.id },
      { ...base, occurredAt: { seconds: 0n } },
      { ...base, occurredAt: { seconds: 0n, nanos: 1000 } },
      { ...base, promptTrace: { prompt: "p" } },
      { ...base, promptTrace: { response: "p" } },
    ];
    const hashes = [base, ...others].map((memory) => hash(memory));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test("defaults, repeated tags, lost nanoseconds and the call's own marks are none", () => {
    expect(hash({ module: "cc" })).toBe(hash({}));
    expect(hash({ tags: ["a", "a"] })).toBe(hash({ tags: ["a"] }));
    expect(hash({ occurredAt: { nanos: 1999 } })).toBe(hash({ occurredAt: { nanos: 1000 } }));
    const again = acceptMemory(someRequest({}, "k"), {
      id: "other",
      requestId: "other",
      recordedBy: "other",
      traceId: "",
      traceparent: "x",
    });
    expect(again.contentHash).toBe(hash({}));
  });
});

describe("views", () => {
  const memory: Memory = create(MemorySchema, { id: "i", text: "t", payload: { a: 1 }, promptTrace: { prompt: "p" } });

  test("BASIC leaves out text, payload and prompt trace, and the memory itself as it was", () => {
    const basic = inView(memory, MemoryView.BASIC);
    expect(basic).toEqual(create(MemorySchema, { id: "i" }));
    expect(memory.text).toBe("t");
  });

  test("FULL is everything", () => {
    expect(inView(memory, MemoryView.FULL)).toBe(memory);
  });
});
