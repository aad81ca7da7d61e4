import { describe, expect, test } from "@jest/globals";
import {
  isSampled,
  readConnectTimeout,
  readGrpcTimeout,
  readRequestId,
  readTraceparent,
  traceIdOf,
} from "#shared/rpc/call-head.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("x-request-id", () => {
  test.each(["a", "with space ~!", "x".repeat(128)])("%p is taken", (id) => {
    expect(readRequestId(id)).toBe(id);
  });

  test.each([undefined, "", "x".repeat(129), "täg", "a\tb"])("%p is replaced by a UUIDv7", (id) => {
    expect(readRequestId(id)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("traceparent", () => {
  test.each([`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-00`, `cc-${TRACE}-${SPAN}-01-more`])(
    "%s is taken",
    (given) => {
      expect(readTraceparent(given)).toBe(given);
      expect(traceIdOf(given)).toBe(TRACE);
    },
  );

  test.each([
    undefined,
    "",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `cc-${TRACE}-${SPAN}-01-${"x".repeat(500)}`,
    `00-${TRACE}-${SPAN}`,
  ])("%s is ignored", (given) => {
    expect(readTraceparent(given)).toBe("");
  });

  test("it is sampled by the lowest bit of its flags", () => {
    expect(isSampled(`00-${TRACE}-${SPAN}-01`)).toBe(true);
    expect(isSampled(`00-${TRACE}-${SPAN}-03`)).toBe(true);
    expect(isSampled(`00-${TRACE}-${SPAN}-02`)).toBe(false);
    expect(isSampled("")).toBe(false);
  });
});

describe("deadlines", () => {
  test.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["4m", 4],
    ["1500u", 2],
    ["1n", 1],
    ["99999999H", 359_999_996_400_000],
  ])("grpc-timeout %s is %d ms", (given, ms) => {
    expect(readGrpcTimeout(given)).toBe(ms);
  });

  test.each(["", "1", "m", "1s", "123456789m", "-1m", "1.5S", " 1m"])("grpc-timeout %p is malformed", (given) => {
    expect(readGrpcTimeout(given)).toBeUndefined();
  });

  test("connect-timeout-ms has at most ten digits", () => {
    expect(readConnectTimeout("9999999999")).toBe(9_999_999_999);
    expect(readConnectTimeout("99999999999")).toBeUndefined();
    expect(readConnectTimeout("1s")).toBeUndefined();
  });
});
