import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { CursorFaultsSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ChainBroken } from "#shared/highway/client/chain.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import { breaking, followScripts, type Script, waits } from "./follow-scripts.ts";
import { batch, checkpoint, cursor, frame, places, shown, started } from "./frames.ts";

describe("F4: a refusal for good is thrown, with how to go on", () => {
  test("a cursor past the fork", async () => {
    const error = new ConnectError("cursor past the fork", Code.DataLoss, undefined, [
      { desc: ErrorInfoSchema, value: { reason: "CURSOR_PAST_FORK", domain: "cos" } },
      {
        desc: CursorFaultsSchema,
        value: { faults: [{ given: cursor("a", 9), resumeAt: cursor("a", 5) }], resumeToken: "on" },
      },
    ]);
    const { error: thrown } = await followScripts([() => breaking([], error)]);
    expect(thrown).toBeInstanceOf(StreamRefused);
    expect(thrown).toMatchObject({
      code: Code.DataLoss,
      reason: "CURSOR_PAST_FORK",
      cursorFaults: { resumeToken: "on" },
    });
  });

  test.each([Code.InvalidArgument, Code.NotFound, Code.OutOfRange, Code.Unauthenticated, Code.ResourceExhausted])(
    "code %i",
    async (code) => {
      const { error } = await followScripts([() => breaking([started({})], new ConnectError("no", code))]);
      expect(error).toMatchObject({ name: "StreamRefused", code, reason: "", cursorFaults: undefined });
    },
  );

  test("an overloaded server is asked again, and one that was asked too often; a fault of the mesh is not", async () => {
    const reasoned = (code: Code, reason: string): ConnectError =>
      new ConnectError("no", code, undefined, [{ desc: ErrorInfoSchema, value: { reason } }]);
    const passing = ["OVERLOADED", "RATE_LIMITED"].map((reason) => reasoned(Code.ResourceExhausted, reason));
    expect((await followScripts(passing.map((error) => () => breaking([], error)))).error).toBeUndefined();
    const fault = await followScripts([() => breaking([], reasoned(Code.Internal, "INTERNAL"))]);
    expect(fault.error).toMatchObject({ name: "StreamRefused", code: Code.Internal });
  });

  describe("what a new token mends is asked for again", () => {
    const expired = (): ConnectError =>
      new ConnectError("expired", Code.Unauthenticated, undefined, [
        { desc: ErrorInfoSchema, value: { reason: "TOKEN_EXPIRED", domain: "cos" } },
      ]);
    const renews = (cause: unknown): boolean => cause instanceof ConnectError && cause.code === Code.Unauthenticated;
    const slow = { renews, backoff: { initialMs: 8, maxMs: 8 }, random: () => 1 };

    test("at once, from the same place: no gap, no repeat", async () => {
      const goAway = frame({ case: "goAway", value: { resumeToken: "t2" } });
      const told = await followScripts(
        [
          () => breaking([started({ a: 0 }), batch("a", 0, 2), checkpoint([], "t1"), goAway], expired()),
          () => breaking([started({ a: 2 }), batch("a", 2, 3)], expired()),
          () => [started({ a: 3 }), batch("a", 3, 4)],
        ],
        slow,
      );
      expect(told.error).toBeUndefined();
      expect(places(told.followed)).toEqual(["a/1", "a/2", "a/3", "a/4"]);
      expect(told.asked.map(shown).slice(0, 3)).toEqual([
        { cursors: [], resumeToken: "" },
        { cursors: ["a/2"], resumeToken: "t2" },
        { cursors: ["a/3"], resumeToken: "t2" },
      ]);
      // An end without an error is a loss as ever.
      expect(waits(told)).toEqual([0, 0, 8]);
    });

    test("F3: where each new token is refused too, it waits as after other losses", async () => {
      const refused: Script = () => breaking([], expired());
      expect(waits(await followScripts([refused, refused, refused], slow))).toEqual([0, 8, 8]);
    });

    test("and other refusals are for good", async () => {
      const { error } = await followScripts([() => breaking([], new ConnectError("no", Code.NotFound))], slow);
      expect(error).toMatchObject({ name: "StreamRefused", code: Code.NotFound });
    });
  });

  test("an error of another kind is thrown as it is", async () => {
    const { error } = await followScripts([() => breaking([], new TypeError("a bug"))]);
    expect(error).toBeInstanceOf(TypeError);
  });

  test("a server that contradicts itself each time anew is given up", async () => {
    const contradicts: Script = () => [started({ a: 0 }), batch("a", 1, 2)];
    const told = await followScripts(Array.from({ length: 9 }, () => contradicts));
    expect(told.error).toBeInstanceOf(ChainBroken);
    expect(told.asked).toHaveLength(5);
  });

  test("one that fails without a reason again and again is given up; a step forward begins the count anew", async () => {
    const fails: Script = () => breaking([started({ a: 0 })], new ConnectError("no", Code.Internal));
    const speaks: Script = () => breaking([started({ a: 0 }), checkpoint([])], new ConnectError("no", Code.Internal));
    const isAway: Script = () => breaking([]);
    const told = await followScripts(Array.from({ length: 9 }, () => fails));
    expect(told.error).toMatchObject({ name: "StreamRefused", code: Code.Internal, reason: "" });
    expect(told.asked).toHaveLength(5);
    const mixed = [fails, fails, fails, fails, isAway, fails, fails, fails, fails, speaks, fails, fails, fails];
    expect((await followScripts(mixed)).error).toBeUndefined();
  });

  test("the caller may give up: before the first connection, say", async () => {
    const giveUp = ({ everConnected }: { everConnected: boolean }): boolean => !everConnected;
    const never = await followScripts([() => breaking([])], { giveUp });
    expect(never.error).toMatchObject({ code: Code.Unavailable });
    const later = await followScripts([() => breaking([started({})])], { giveUp });
    expect(later.error).toBeUndefined();
    const ended = await followScripts([() => []], { giveUp });
    expect(ended.error).toMatchObject({ message: "the stream ended" });
  });
});
