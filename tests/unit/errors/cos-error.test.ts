import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason, ErrorReasonSchema } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError, invalidField } from "#shared/errors/cos-error.ts";
import { codeOf, isRetryable, reasonName } from "#shared/errors/reasons.ts";

describe("reasons", () => {
  // The contract names the code of each reason in brackets; its comments are not in the descriptor, so the names are
  // written out here a second time, apart from the table under test.
  const promised: Record<string, Code> = {
    INVALID_FIELD: Code.InvalidArgument,
    MALFORMED_MESSAGE: Code.InvalidArgument,
    PAGE_TOKEN_INVALID: Code.InvalidArgument,
    RESUME_TOKEN_INVALID: Code.InvalidArgument,
    MODULE_NOT_FOUND: Code.NotFound,
    MEMORY_NOT_FOUND: Code.NotFound,
    IDEMPOTENCY_KEY_REUSED: Code.AlreadyExists,
    MODULE_EXISTS: Code.AlreadyExists,
    MODULE_RETIRED: Code.FailedPrecondition,
    REVISION_STALE: Code.Aborted,
    CURSOR_ABOVE_HEAD: Code.OutOfRange,
    CURSOR_BELOW_FLOOR: Code.OutOfRange,
    CURSOR_PAST_FORK: Code.DataLoss,
    OVERLOADED: Code.ResourceExhausted,
    QUOTA_EXCEEDED: Code.ResourceExhausted,
    DRAINING: Code.Unavailable,
    ENGINE_UNAVAILABLE: Code.Unavailable,
    SUBSCRIBER_STALLED: Code.Unavailable,
    INTERNAL: Code.Internal,
    TOKEN_MISSING: Code.Unauthenticated,
    TOKEN_INVALID: Code.Unauthenticated,
    TOKEN_EXPIRED: Code.Unauthenticated,
    TOKEN_REVOKED: Code.Unauthenticated,
    ACCESS_CHANGED: Code.Unauthenticated,
    RIGHT_MISSING: Code.PermissionDenied,
    KIND_REFUSED: Code.PermissionDenied,
    RATE_LIMITED: Code.ResourceExhausted,
    PRINCIPAL_NOT_FOUND: Code.NotFound,
    PRINCIPAL_EXISTS: Code.AlreadyExists,
    NODE_NOT_FOUND: Code.NotFound,
    RELATIONSHIP_NOT_FOUND: Code.NotFound,
    PROJECTION_BEHIND: Code.DeadlineExceeded,
    ITEM_DERIVED: Code.FailedPrecondition,
    NODE_IN_USE: Code.FailedPrecondition,
    REBUILD_RUNNING: Code.FailedPrecondition,
    NOTE_NOT_FOUND: Code.NotFound,
    MODULE_BUILT_IN: Code.FailedPrecondition,
    LINK_NOT_FOUND: Code.NotFound,
    CONSUMER_NOT_FOUND: Code.NotFound,
    CONSUMER_EXISTS: Code.AlreadyExists,
    MEMBERSHIP_LOST: Code.Aborted,
    COUNT_MISMATCH: Code.FailedPrecondition,
    MEMBER_REPLACED: Code.Aborted,
  };

  test("each reason of the contract comes with the code that the contract promises", () => {
    for (const { number, localName } of ErrorReasonSchema.values.slice(1)) {
      expect([localName, codeOf(number as ErrorReason)]).toEqual([localName, promised[localName]]);
      expect(reasonName(number as ErrorReason)).toBe(localName);
    }
  });

  test("a client may repeat by itself only what may pass by itself", () => {
    const retryable = ErrorReasonSchema.values
      .filter(({ number }) => isRetryable(number as ErrorReason))
      .map((v) => v.localName);
    expect(retryable).toEqual([
      "OVERLOADED",
      "DRAINING",
      "ENGINE_UNAVAILABLE",
      "SUBSCRIBER_STALLED",
      "RATE_LIMITED",
      "PROJECTION_BEHIND",
    ]);
  });

  test("a reason of a newer peer is unknown, not a crash", () => {
    expect(codeOf(9999 as ErrorReason)).toBe(Code.Unknown);
    expect(reasonName(9999 as ErrorReason)).toBe("UNSPECIFIED");
    expect(isRetryable(9999 as ErrorReason)).toBe(false);
  });
});

describe("CosError", () => {
  test("carries code, name, resource, fields, pause and cause", () => {
    const cause = new Error("inner");
    const error = new CosError(ErrorReason.MODULE_NOT_FOUND, "there is no module 'x'", {
      cause,
      resource: { type: "module", name: "x" },
      retryAfterMs: 5,
    });
    expect(error).toMatchObject({ code: Code.NotFound, reasonName: "MODULE_NOT_FOUND", retryAfterMs: 5, cause });
    expect(error.resource).toEqual({ type: "module", name: "x" });
    expect([error.fields, error.details]).toEqual([[], []]);
  });

  test("an invalid field is named in message and detail", () => {
    const error = invalidField("memory.text", "must not be empty");
    expect(error.message).toBe("memory.text: must not be empty");
    expect(error.fields).toEqual([{ field: "memory.text", description: "must not be empty" }]);
    expect(error.code).toBe(Code.InvalidArgument);
  });
});
