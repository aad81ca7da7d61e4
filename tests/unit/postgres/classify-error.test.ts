import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { classifyError } from "#shared/postgres/classify-error.ts";
import { engineError } from "#shared/postgres/engine-error.ts";
import { SchemaOutdatedError } from "#shared/postgres/schema-outdated-error.ts";

const coded = (code: string) => Object.assign(new Error("secret"), { code });

describe("what an error of PostgreSQL means", () => {
  test.each([
    ["40001", "retry"],
    ["55P03", "retry"],
    ["57014", "cancelled"],
    ["57P01", "unavailable"],
    ["08006", "unavailable"],
    ["53300", "unavailable"],
    ["25006", "unavailable"],
    ["25P02", "unavailable"],
    ["ECONNREFUSED", "unavailable"],
    ["22P05", "value"],
    ["23505", "value"],
    ["42P01", "outdated"],
    ["42601", "defect"],
  ])("%s: %s", (code, trouble) => {
    expect(classifyError(coded(code))).toBe(trouble);
  });

  test("what the driver says without a code: by its message, else a defect", () => {
    expect(classifyError(new Error("Connection terminated unexpectedly"))).toBe("unavailable");
    expect(classifyError(new Error("Query read timeout"))).toBe("unavailable");
    expect(classifyError(new Error("x is not a function"))).toBe("defect");
    expect(classifyError("a string")).toBe("defect");
  });

  test("an error of several addresses is that of the first", () => {
    expect(classifyError(new AggregateError([coded("ECONNREFUSED"), coded("42601")]))).toBe("unavailable");
    expect(classifyError(new AggregateError([]))).toBe("defect");
  });

  test("a schema that is too old", () => {
    expect(classifyError(new SchemaOutdatedError("mem0_cc", ["0001"]))).toBe("outdated");
  });
});

describe("what the caller is told", () => {
  test.each([
    ["ECONNREFUSED", ErrorReason.ENGINE_UNAVAILABLE, 1000],
    ["57014", ErrorReason.ENGINE_UNAVAILABLE, 1000],
    ["40P01", ErrorReason.ENGINE_UNAVAILABLE, 1000],
    ["42883", ErrorReason.ENGINE_UNAVAILABLE, 1000],
    ["42601", ErrorReason.INTERNAL, undefined],
  ])("%s", (code, reason, retryAfterMs) => {
    const told = engineError(coded(code)) as CosError;
    expect([told.reason, told.retryAfterMs]).toEqual([reason, retryAfterMs]);
    expect(told.message).not.toContain("secret");
  });

  test("an error that is COS's own already stays as it is", () => {
    const own = new CosError(ErrorReason.OVERLOADED, "too much");
    expect(engineError(own)).toBe(own);
  });
});
