import { expect, test } from "@jest/globals";
import { pageSizeOf } from "#shared/paging/page-size.ts";

test("a page has as many items as were asked for, 50 if nobody asked, and never over 1,000", () => {
  expect([0, 1, 50, 1000, 1001, 2 ** 31 - 1].map((asked) => pageSizeOf(asked))).toEqual([50, 1, 50, 1000, 1000, 1000]);
});

test("a list may say other bounds", () => {
  expect([0, 7, 101].map((asked) => pageSizeOf(asked, { unset: 20, most: 100 }))).toEqual([20, 7, 100]);
});
