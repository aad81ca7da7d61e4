import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { checkProperties } from "#shared/fields/check-properties.ts";

const fieldsOf = (properties: JsonObject, most?: number) =>
  checkProperties(properties, "node.properties", most).map(({ field }) => field);

describe("properties", () => {
  test("texts, numbers and truth values are good, as many as 32", () => {
    const many = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`p_${n}`, n]));
    expect(fieldsOf(many)).toEqual([]);
    expect(fieldsOf({ why: "x".repeat(1000), sure: false, share: 0.5, empty: "", faces: "😀".repeat(1000) })).toEqual(
      [],
    );
  });

  test("too many are refused together", () => {
    expect(fieldsOf({ a: 1, b: 2, c: 3 }, 2)).toEqual(["node.properties"]);
  });

  test.each([
    "Why",
    "1st",
    "_x",
    "why not",
    "a".repeat(41),
    "x`]->() DETACH DELETE n //",
    "x'; drop table cos_graph.node; --",
    "naïve",
    "",
  ])("a name that is none is refused without repeating it: %j", (name) => {
    expect(checkProperties({ [name]: 1 }, "p")).toEqual([
      { field: "p", description: expect.not.stringContaining(name === "" ? "undefined" : `${name} `) },
    ]);
  });

  test.each([
    ["a null", null],
    ["a list", [1]],
    ["an object", { x: 1 }],
    ["no number", Number.NaN],
    ["a long text", "x".repeat(1001)],
    ["a NUL", "a\0b"],
    ["half a character", "\ud800"],
  ])("a value that is none is refused by its name: %s", (_, value) => {
    expect(fieldsOf({ good: 1, bad: value })).toEqual(["node.properties.bad"]);
  });
});
