import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CursorFaultsSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { errorOfPeer } from "#shared/rpc/error-of-peer.ts";
import { toWireError } from "#shared/rpc/to-wire-error.ts";

const PEER = { name: "the conductor", details: [CursorFaultsSchema] };
const wire = (error: CosError) => toWireError(error, "request-1");

describe("what another service answers", () => {
  test("passes through with reason, message, fields, resource, wait and the details that are asked for", () => {
    const value = create(CursorFaultsSchema, { resumeToken: "on" });
    const given = new CosError(ErrorReason.CURSOR_ABOVE_HEAD, "too high", {
      fields: [{ field: "cursors[0]", description: "is above the head" }],
      resource: { type: "module", name: "pepys" },
      retryAfterMs: 1_500,
      details: [{ desc: CursorFaultsSchema, value }],
    });
    const told = errorOfPeer(wire(given), PEER);
    expect(told).toBeInstanceOf(CosError);
    expect(told).toMatchObject({
      reason: ErrorReason.CURSOR_ABOVE_HEAD,
      code: Code.OutOfRange,
      message: "too high",
      fields: given.fields,
      resource: given.resource,
      retryAfterMs: 1_500,
      details: [{ desc: CursorFaultsSchema, value: { resumeToken: "on" } }],
    });
    // And comes to the caller as it came here.
    const [there, here] = [wire(given), wire(told as CosError)];
    expect([here.code, here.message, here.findDetails(ErrorInfoSchema)]).toEqual([
      there.code,
      there.message,
      there.findDetails(ErrorInfoSchema),
    ]);
    expect(here.findDetails(CursorFaultsSchema)).toEqual(there.findDetails(CursorFaultsSchema));
  });

  test("without such details it has none", () => {
    const plain = errorOfPeer(wire(new CosError(ErrorReason.MODULE_NOT_FOUND, "none")), { name: "the conductor" });
    expect(plain).toMatchObject({
      message: "none",
      fields: [],
      resource: undefined,
      retryAfterMs: undefined,
      details: [],
    });
    const asked = errorOfPeer(wire(new CosError(ErrorReason.MODULE_NOT_FOUND, "none")), PEER);
    expect(asked).toMatchObject({ details: [] });
  });

  test.each<[string, ConnectError, string]>([
    ["nobody answers", new ConnectError("ECONNREFUSED 10.0.0.1", Code.Unavailable), "the conductor does not answer"],
    ["a connection is cut", new ConnectError("RST_STREAM", Code.Internal), "the conductor does not answer"],
    [
      "it drains",
      wire(new CosError(ErrorReason.DRAINING, "this process is going away: call again")),
      "the conductor does not serve: this process is going away: call again",
    ],
    [
      "its engine is away",
      wire(new CosError(ErrorReason.ENGINE_UNAVAILABLE, "PostgreSQL does not answer")),
      "the conductor does not serve: PostgreSQL does not answer",
    ],
    [
      "it does not know this service",
      wire(new CosError(ErrorReason.TOKEN_INVALID, "the token is not one that this mesh knows")),
      "the conductor does not let this service in (TOKEN_INVALID)",
    ],
    [
      "it does not say why it does not",
      new ConnectError("no", Code.Unauthenticated),
      "the conductor does not let this service in (no reason given)",
    ],
    [
      "it is newer, and gives a reason that is not known here",
      new ConnectError("no", Code.InvalidArgument, undefined, [
        { desc: ErrorInfoSchema, value: { reason: "NEW_REASON", domain: "cos" } },
      ]),
      "the conductor does not serve: no",
    ],
  ])("is UNAVAILABLE when %s", (_, error, message) => {
    expect(errorOfPeer(error, PEER)).toMatchObject({
      reason: ErrorReason.ENGINE_UNAVAILABLE,
      code: Code.Unavailable,
      message,
      cause: error,
    });
  });

  test("a wait that it asks for is asked for here too", () => {
    const busy = wire(new CosError(ErrorReason.DRAINING, "going", { retryAfterMs: 250 }));
    expect(errorOfPeer(busy, PEER)).toMatchObject({ retryAfterMs: 250 });
  });

  test("a call that was given up or came to its deadline, and what is no answer, stay as they are", () => {
    const errors = [
      new ConnectError("aborted", Code.Canceled),
      new ConnectError("late", Code.DeadlineExceeded),
      new CosError(ErrorReason.TOKEN_EXPIRED, "expired"),
      new TypeError("a bug"),
    ];
    for (const error of errors) expect(errorOfPeer(error, PEER)).toBe(error);
  });
});
