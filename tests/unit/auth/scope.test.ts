import { expect, test } from "@jest/globals";
import { localScope, mayRead, scopeOf } from "#shared/auth/scope.ts";

test("the local scope sees every module", () => {
  expect(mayRead(localScope(), "anything")).toBe(true);
});

test("a scope of modules sees these and no others", () => {
  const scope = scopeOf(["cc", "pepys"]);
  expect([mayRead(scope, "cc"), mayRead(scope, "pepys"), mayRead(scope, "drafts")]).toEqual([true, true, false]);
});
