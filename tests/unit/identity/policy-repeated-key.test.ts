import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { repeatedKeyOf } from "#shared/identity/repeated-key.ts";

describe("a repeated key", () => {
  test.each([
    ['{"a":1,"a":2}', "a"],
    ['{"a":1,"\\u0061":2}', "a"],
    ['{"x":{"b":1 , "b" :2}}', "b"],
    ['[{"c":1},{"c":{},"d":[],"c":0}]', "c"],
    ['{"":1,"":1}', ""],
    ['{"\\"":1,"\\"":1}', '"'],
  ])("is found in %s", (json, key) => {
    expect(repeatedKeyOf(json)).toBe(key);
  });

  test.each(['{"a":{"a":["a","a"]}}', '[{"a":1},{"a":1}]', '{"a":"\\"a\\":{","b":"}"}', '"a"', "[]"])(
    "is not seen in %s",
    (json) => {
      expect(repeatedKeyOf(json)).toBeUndefined();
    },
  );

  test("is never seen in what JSON.stringify writes, and always once a member is written twice", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), fc.jsonValue(), fc.nat(4), (value, key, other, indent) => {
        expect(repeatedKeyOf(JSON.stringify(value, undefined, indent))).toBeUndefined();
        const [name, one, two] = [key, value, other].map((each) => JSON.stringify(each));
        expect(repeatedKeyOf(`[${one},{${name}:${one},"k${Math.random()}":0, ${name} :${two}}]`)).toBe(key);
      }),
    );
  });
});
