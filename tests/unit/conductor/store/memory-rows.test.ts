import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { instantParameter } from "#services/conductor/store/instant-parameter.ts";
import { isoOf, timestampOf } from "#services/conductor/store/memory-rows.ts";

const at = (seconds: bigint, nanos = 0) => create(TimestampSchema, { seconds, nanos });

describe("times between messages and rows", () => {
  test("year 1 and 9999 are written with four digits and six", () => {
    expect(isoOf(at(-62_135_596_800n, 1000))).toBe("0001-01-01T00:00:00.000001Z");
    expect(isoOf(at(253_402_300_799n, 999_999_000))).toBe("9999-12-31T23:59:59.999999Z");
  });

  test("microseconds of the epoch are read exactly over the whole range", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
        fc.integer({ min: 0, max: 999_999 }),
        (seconds, micros) => {
          const { seconds: readSeconds, nanos } = timestampOf(String(seconds * 1_000_000n + BigInt(micros)));
          expect([readSeconds, nanos]).toEqual([seconds, micros * 1000]);
        },
      ),
    );
  });

  test("a bound with nanoseconds is rounded up: nothing stored lies between", () => {
    expect(instantParameter(at(0n, 1))).toBe("1970-01-01T00:00:00.000001Z");
    expect(instantParameter(at(0n, 1000))).toBe("1970-01-01T00:00:00.000001Z");
    expect(instantParameter(at(0n, 999_999_001))).toBe("1970-01-01T00:00:01.000000Z");
    expect(instantParameter(at(253_402_300_799n, 999_999_001))).toBe("infinity");
    expect(instantParameter(at(253_402_300_799n, 999_999_000))).toBe("9999-12-31T23:59:59.999999Z");
  });
});
