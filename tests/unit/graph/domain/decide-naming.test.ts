import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { mergeNames, namingSize, splitName } from "#services/graph/domain/decide-naming.ts";
import type { NameKey } from "#services/graph/domain/mention.ts";
import { type Naming, NO_NAMING } from "#services/graph/domain/naming.ts";
import { resolveName } from "#services/graph/domain/resolve.ts";

// Names whose entity is what stands before the hyphen: `batten-sir` and `batten-w` are names of `batten`.
const entityKeyOf = (_: string, key: string): string => key.split("-")[0] as string;
const person = (key: string): NameKey => ({ kind: "person", key });
const titled = (key: string) => ({ name: person(key), title: key.toUpperCase() });
const meaning = (naming: Naming, key: string): string => resolveName(naming, person(key), entityKeyOf).key;
const split = (naming: Naming, entity: string, name: string) =>
  splitName(naming, person(entity), titled(name), entityKeyOf);

describe("mergeNames", () => {
  test("takes along every name of the entities, those to come too", () => {
    const { naming, moved } = mergeNames(NO_NAMING, [person("batten-sir")], titled("pen"), entityKeyOf);
    expect(moved).toEqual([person("batten")]);
    expect(["batten-sir", "batten-w", "batten", "pen"].map((key) => meaning(naming, key))).toEqual(
      Array(4).fill("pen"),
    );
  });

  test("calls the entity as it was asked to, even when there is nothing to merge", () => {
    const { naming, moved, named } = mergeNames(NO_NAMING, [person("pen-w")], titled("pen"), entityKeyOf);
    expect(moved).toEqual([]);
    expect(named).toEqual([person("pen")]);
    expect(naming.titles).toEqual({ "person:pen": "PEN" });
    expect(namingSize(naming)).toBe(1);
  });

  test("an entity that was merged is merged on: with all that became it", () => {
    const first = mergeNames(NO_NAMING, [person("a")], titled("b"), entityKeyOf).naming;
    const second = mergeNames(first, [person("a")], titled("c"), entityKeyOf);
    expect(second.moved).toEqual([person("b")]);
    expect(["a", "b", "c"].map((key) => meaning(second.naming, key))).toEqual(["c", "c", "c"]);
  });

  test("back again is no circle: it changes the name alone", () => {
    const first = mergeNames(NO_NAMING, [person("a")], titled("b"), entityKeyOf).naming;
    const { naming, moved } = mergeNames(first, [person("b")], titled("a"), entityKeyOf);
    expect(moved).toEqual([]);
    expect(meaning(naming, "a")).toBe("b");
    expect(naming.titles["person:b"]).toBe("A");
  });
});

describe("splitName", () => {
  test("gives one name an entity of its own; the other names stay", () => {
    const found = split(NO_NAMING, "batten", "batten-sir");
    expect(meaning(found?.naming as Naming, "batten-sir")).toBe("=batten-sir");
    expect(meaning(found?.naming as Naming, "batten-w")).toBe("batten");
    expect(found?.moved).toEqual([person("batten")]);
  });

  test("undoes a merge, for all names of what was merged", () => {
    const merged = mergeNames(NO_NAMING, [person("batten")], titled("pen"), entityKeyOf).naming;
    const { naming } = split(merged, "pen", "batten-w") ?? { naming: NO_NAMING };
    expect(["batten-w", "batten-sir", "pen"].map((key) => meaning(naming, key))).toEqual(["batten", "batten", "pen"]);
    expect(naming.merges).toEqual({});
  });

  test("what was split off and merged again is split off again", () => {
    const apart = split(NO_NAMING, "batten", "batten-sir")?.naming as Naming;
    const again = mergeNames(apart, [person("batten-sir")], titled("batten"), entityKeyOf).naming;
    expect(meaning(again, "batten-sir")).toBe("batten");
    expect(meaning(split(again, "batten", "batten-sir")?.naming as Naming, "batten-sir")).toBe("=batten-sir");
  });

  test("what is not a name of the entity, or is all that the entity is, cannot leave it", () => {
    expect(split(NO_NAMING, "batten", "pen-w")).toBeUndefined();
    const apart = split(NO_NAMING, "batten", "batten-sir")?.naming as Naming;
    expect(split(apart, "batten-sir", "batten-sir")).toBeUndefined();
  });
});

describe("any acts in any order", () => {
  const key = fc.constantFrom("a", "a-x", "a-y", "b", "b-x", "c", "=a-x");
  const act = fc.record({ merges: fc.boolean(), left: key, right: key });

  test("never lead a name in a circle, and no act moves what it does not name", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 20 }), (acts) => {
        let naming = NO_NAMING;
        for (const { merges, left, right } of acts) {
          const before = naming;
          naming = merges
            ? mergeNames(naming, [person(left)], titled(right), entityKeyOf).naming
            : (split(naming, left, right)?.naming ?? naming);
          for (const other of ["a", "a-x", "b-x", "c"]) {
            const [was, is] = [meaning(before, other), meaning(naming, other)];
            const touched = [left, right].map((name) => meaning(before, name));
            if (was !== is) expect(touched).toContain(was);
          }
        }
      }),
    );
  });
});
