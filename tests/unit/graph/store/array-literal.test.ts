import { describe, expect, test } from "@jest/globals";
import { plainArray, textArray } from "#services/graph/store/postgres/array-literal.ts";

describe("arrays as PostgreSQL reads them", () => {
  test("numbers, truth values and ids stand as they are, and what is missing is null", () => {
    expect(plainArray([1, -2.5, undefined, 1e15])).toBe("{1,-2.5,null,1000000000000000}");
    expect(plainArray([true, false])).toBe("{true,false}");
    expect(plainArray([])).toBe("{}");
  });

  test("texts are quoted, so that none is read as anything else", () => {
    expect(textArray(["a", "", "null", undefined, "b,c}"])).toBe('{"a","","null",null,"b,c}"}');
    expect(textArray(['say "so"', String.raw`back\slash`])).toBe(String.raw`{"say \"so\"","back\\slash"}`);
  });
});
