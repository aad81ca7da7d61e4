import { expect, test } from "@jest/globals";
import { Parameters } from "#services/conductor/store/parameters.ts";
import { isWanted } from "#services/conductor/store/search/search-where.ts";

test("what is excluded is one look into a memory, however much it is", () => {
  const parameters = new Parameters();
  const excluded = ["'wine'", "'water' <-> 'cold'", "('fire') | ('flame')"];
  const where = { modules: ["cc"], isEverywhere: false, filter: undefined, required: [], excluded };
  expect(isWanted(where, parameters).match(/exists/g)).toHaveLength(1);
  expect(parameters.values).toEqual(["('wine') | ('water' <-> 'cold') | (('fire') | ('flame'))"]);
});
