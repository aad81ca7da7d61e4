import { describe, expect, test } from "@jest/globals";
import type { ReferenceRow } from "#services/graph/domain/graph-rows.ts";
import { contribute } from "#services/graph/projection/contribution.ts";

const reference = (
  id: string,
  to: string,
  passages: readonly number[],
  forms: readonly string[] = [to],
): ReferenceRow => ({
  id,
  module: "cc",
  type: "REFERENCES",
  from: "memory",
  to,
  origin: "derived",
  count: 1,
  position: 1,
  mention: { kind: "person", key: id, forms, count: 1, passages },
  properties: {},
  revision: 0,
  changed: 1,
});

function tallied(references: readonly ReferenceRow[], sign: 1 | -1 = 1) {
  const found: { entities: string[]; names: string[]; pairs: string[] } = { entities: [], names: [], pairs: [] };
  const tally = {
    addEntity: (entity: string, { id }: ReferenceRow, by: number) => void found.entities.push(`${entity} ${id} ${by}`),
    addName: ({ to }: ReferenceRow, form: string, by: number) => void found.names.push(`${to} ${form} ${by}`),
    addPair: (left: string, right: string, by: number) => void found.pairs.push(`${left}-${right} ${by}`),
  };
  contribute(references, tally, sign);
  return found;
}

describe("contribute", () => {
  test("K1: an entity counts once, by its first reference; each form of each name once", () => {
    const found = tallied([
      reference("2", "batten", [0], ["W. B."]),
      reference("1", "batten", [1], ["Sir W.", "Batten"]),
    ]);
    expect(found).toEqual({
      entities: ["batten 1 1"],
      names: ["batten Sir W. 1", "batten Batten 1", "batten W. B. 1"],
      pairs: [],
    });
  });

  test("K2: two count together once if they share a passage, however many they share", () => {
    const found = tallied([reference("1", "b", [0, 1]), reference("2", "a", [0, 1]), reference("3", "c", [2])], -1);
    expect(found.pairs).toEqual(["a-b -1"]);
  });

  test("K2: what marks the whole memory counts together with what does so too, and with nothing in the text", () => {
    const found = tallied([reference("1", "a", [-1]), reference("2", "b", [-1]), reference("3", "c", [0])]);
    expect(found.pairs).toEqual(["a-b 1"]);
  });

  test("K3: of a passage's entities the first 24 count together, by the ids of their references", () => {
    const references = Array.from({ length: 30 }, (_, n) =>
      reference(String(n).padStart(2, "0"), `e${String(n).padStart(2, "0")}`, [0]),
    );
    const { pairs, entities } = tallied(references.toReversed());
    expect(entities).toHaveLength(30);
    expect(pairs).toHaveLength((24 * 23) / 2);
    expect(pairs.join()).not.toContain("e24");
  });
});
