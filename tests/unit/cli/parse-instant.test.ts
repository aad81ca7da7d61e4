import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseInstant } from "#services/cli/options/parse-instant.ts";

test.each([
  ["1660-01-11", -9_781_776_000n, 0],
  ["1970-01-01", 0n, 0],
  ["0001-01-01", -62_135_596_800n, 0],
  ["0099-03-01", -59_037_897_600n, 0],
  ["9999-12-31T23:59:59.999999999Z", 253_402_300_799n, 999_999_999],
  ["2000-02-29T12:00:00.5+02:00", 951_818_400n, 500_000_000],
  ["1969-12-31t23:59:59.25z", -1n, 250_000_000],
  ["2026-01-01 00:00:00-00:30", 1_767_227_400n, 0],
])("%s is an instant", (text, seconds, nanos) => {
  expect(parseInstant(text)).toEqual({ seconds, nanos });
});

test.each([
  ["1660-02-30", "there is no 1660-02-30"],
  ["1900-02-29", "there is no 1900-02-29"],
  ["2026-13-01", "there is no 2026-13-01"],
  ["2026-01-01T24:00:00Z", "there is no time 24:00:00"],
  ["2026-01-01T10:60:00Z", "there is no time 10:60:00"],
  ["2026-01-01T10:00:61Z", "there is no time 10:00:61"],
  ["2026-01-01T10:00:00+24:00", "the zone must be"],
  ["2026-01-01T10:00:00", "must be a date"],
  ["0000-12-31", "must lie within the years 1 to 9999"],
  ["9999-12-31T23:59:59-01:00", "must lie within the years 1 to 9999"],
  ["yesterday", "must be a date"],
  ["", "must be a date"],
])("%s is refused, and why", (text, why) => {
  expect(() => parseInstant(text)).toThrow(why);
});

test("what Date writes is read as the same instant", () => {
  const min = new Date("0001-01-01T00:00:00Z");
  const max = new Date("9999-12-31T23:59:59.999Z");
  const property = fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
    const { seconds, nanos } = parseInstant(date.toISOString());
    expect(Number(seconds) * 1000 + nanos / 1_000_000).toBe(date.getTime());
  });
  fc.assert(property);
});
