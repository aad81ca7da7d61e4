import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { ListMemoriesRequestSchema, SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { checkFilter } from "#services/conductor/domain/check-filter.ts";
import { listMemories } from "#services/conductor/handlers/list-memories.ts";
import { subscribe } from "#services/conductor/handlers/subscribe.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { localScope } from "#shared/auth/scope.ts";

const half = "a\ud800b";
const call = {
  requestId: "r",
  traceId: "",
  traceparent: "",
  access: localAccess(),
  scope: localScope(),
  signal: new AbortController().signal,
  deadlineMs: Number.POSITIVE_INFINITY,
};

describe("strings of a filter", () => {
  test("no filter, and one of whole characters, are good", () => {
    expect(() => checkFilter(undefined)).not.toThrow();
    expect(() => checkFilter(create(FilterSchema, { sources: ["\u{1f600}"], tags: ["a"] }))).not.toThrow();
  });

  test.each([
    ["filter.sources[0]", { sources: [half] }],
    ["filter.session_ids[1]", { sessionIds: ["a", half] }],
    ["filter.tags[0]", { tags: [half] }],
  ])("half a surrogate pair is refused by name: %s", (field, filter) => {
    expect(() => checkFilter(create(FilterSchema, filter))).toThrow(
      expect.objectContaining({ reasonName: "INVALID_FIELD", fields: [expect.objectContaining({ field })] }),
    );
  });

  test("lists and subscriptions refuse it, before they ask anybody", async () => {
    const refusal = expect.objectContaining({ reasonName: "INVALID_FIELD" });
    const nobody = (): never => {
      throw new Error("was asked");
    };
    const filter = { tags: [half] };
    const list = listMemories({ listMemories: nobody });
    await expect(list(create(ListMemoriesRequestSchema, { filter }), call)).rejects.toEqual(refusal);
    expect(() => subscribe(nobody)(create(SubscribeRequestSchema, { filter }), call)).toThrow(refusal);
  });
});
