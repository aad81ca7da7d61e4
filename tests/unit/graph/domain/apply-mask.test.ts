import { describe, expect, test } from "@jest/globals";
import { applyMask } from "#services/graph/domain/apply-mask.ts";

const current = { label: "Entity", kind: "ship", name: "Naseby", properties: { guns: 80, fate: "renamed" } };
const masked = (paths: readonly string[], sent: object) =>
  applyMask({
    current,
    sent: { ...sent },
    paths,
    fields: ["label", "kind", "name"] as const,
    unset: { label: "Entity" },
  });

describe("an update's mask", () => {
  test("what it names is what was sent, the rest stays", () => {
    expect(masked(["name"], { name: "Royal Charles", kind: "yacht" })).toEqual({ ...current, name: "Royal Charles" });
    expect(masked(["kind", "name"], { name: "N" })).toEqual({ ...current, kind: "", name: "N" });
    expect(masked(["label"], {})).toEqual(current);
  });

  test("properties are replaced all together, or one by one", () => {
    const properties = { guns: 100, built: 1655 };
    expect(masked(["properties"], { properties }).properties).toEqual(properties);
    expect(masked(["properties"], {}).properties).toEqual({});
    expect(masked(["properties.built", "properties.guns"], { properties }).properties).toEqual({
      ...properties,
      fate: "renamed",
    });
  });

  test("a property without a value is removed, also where objects inherit one of the name", () => {
    expect(masked(["properties.fate"], {}).properties).toEqual({ guns: 80 });
    expect(masked(["properties.constructor"], { properties: {} }).properties).toEqual(current.properties);
  });

  test.each([
    [[]],
    [["revision"]],
    [["properties.Guns"]],
    [["properties."]],
    [["properties.a.b"]],
    [["name.x"]],
    [["properties.x`) DETACH DELETE n //"]],
  ])("paths that there are not are refused, naming the mask: %j", (paths) => {
    expect(() => masked(paths, {})).toThrow(
      expect.objectContaining({ fields: [expect.objectContaining({ field: "update_mask" })] }),
    );
  });
});
