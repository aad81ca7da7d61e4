import { create, toJsonString } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema, PromptTraceSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { eventJson } from "#shared/highway/event-json.ts";
import { events } from "./arbitraries.ts";

describe("H6: an event in its protobuf JSON", () => {
  test("is what protobuf-es writes, over any event", () => {
    fc.assert(
      fc.property(events, (event) => {
        expect(JSON.parse(eventJson(event))).toEqual(JSON.parse(toJsonString(EventSchema, event)));
      }),
    );
  });

  test("has every field of the contract", () => {
    const at = timestampFromMs(0);
    const value = create(MemorySchema, {
      position: 1n,
      tags: ["t"],
      payload: { a: 1 },
      occurredAt: at,
      recordedAt: at,
      forgottenAt: at,
    });
    value.promptTrace = create(PromptTraceSchema, {
      prompt: "p",
      response: "r",
      model: "m",
      executionTimeMs: 1,
      tokenCount: 2,
      promptTokenCount: 3,
      responseTokenCount: 4,
    });
    for (const field of MemorySchema.fields.filter(({ fieldKind, scalar }) => fieldKind === "scalar" && scalar === 9)) {
      Object.assign(value, { [field.localName]: field.localName });
    }
    const json = JSON.parse(eventJson(create(EventSchema, { body: { case: "memory", value }, traceparent: "tp" })));
    expect(Object.keys(json.memory).sort()).toEqual(MemorySchema.fields.map((field) => field.jsonName).sort());
    expect(Object.keys(json.memory.promptTrace).sort()).toEqual(
      PromptTraceSchema.fields.map((field) => field.jsonName).sort(),
    );
    expect(Object.keys(json)).toEqual(EventSchema.fields.map((field) => field.jsonName));
  });

  test("of an unknown body is empty", () => {
    expect(eventJson(create(EventSchema))).toBe("{}");
    const value = create(MemorySchema);
    expect(eventJson(create(EventSchema, { body: { case: "memory", value } }))).toBe('{"memory":{}}');
  });
});
