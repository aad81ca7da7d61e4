import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type ForgetMemoriesRequest, ForgetMemoriesRequestSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { checkForgetting } from "#services/conductor/domain/check-forgetting.ts";

const lone = "\ud800";
const check = (selector: ForgetMemoriesRequest["selector"], reason = "asked") =>
  checkForgetting(create(ForgetMemoriesRequestSchema, { selector, reason }));

describe("a request to forget", () => {
  test.each<[string, ForgetMemoriesRequest["selector"]]>([
    ["a session", { case: "sessionId", value: "1660" }],
    ["a source", { case: "source", value: "Samuel Pepys" }],
    ["a module", { case: "wholeModule", value: true }],
  ])("by %s, with a reason, is good", (_, selector) => {
    expect(() => check(selector)).not.toThrow();
  });

  test("every text that cannot be stored is named", () => {
    const fieldsOf = (...given: Parameters<typeof check>) => {
      try {
        check(...given);
      } catch (error) {
        expect(error).toMatchObject({ reason: ErrorReason.INVALID_FIELD });
        return (error as { fields: { field: string }[] }).fields.map(({ field }) => field);
      }
      throw new Error("was taken");
    };
    expect(fieldsOf({ case: "sessionId", value: lone }, lone)).toEqual(["reason", "session_id"]);
    expect(fieldsOf({ case: "source", value: lone })).toEqual(["source"]);
    expect(fieldsOf({ case: "wholeModule", value: true }, lone)).toEqual(["reason"]);
  });
});
