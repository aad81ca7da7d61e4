import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EXTRACTOR_VERSION } from "#services/graph/domain/extract/extractor-version.ts";
import { entityKeyOf, mentionKeyOf } from "#services/graph/domain/extract/name-key.ts";
import { ENTITY_KINDS, type EntityKind } from "#services/graph/domain/mention.ts";

const entityOf = (kind: EntityKind, form: string) => entityKeyOf(kind, mentionKeyOf(kind, form));

describe("the normal form of a name", () => {
  test.each<[EntityKind, string, string]>([
    ["person", "Sir W. Batten’s", "sir w. batten"],
    ["person", "[Sir] W. Batten", "sir w. batten"],
    ["person", "Mr Pierce", "mr. pierce"],
    ["person", "  Capt.   Cocke ", "captain cocke"],
    ["person", "my Lord Sandwich", "lord sandwich"],
    ["person", "the Duke of York", "duke of york"],
    ["person", "J.R.R. Tolkien", "j. r. r. tolkien"],
    ["person", "W Hewer", "w. hewer"],
    ["person", "Pepys'", "pepys"],
    ["person", "@anna", "anna"],
    ["person", "Patrick O'Brien", "patrick o’brien"],
    ["person", "Zoe\u0308 Kravitz", "zo\u00eb kravitz"],
    ["person", "Samuel Pepys’s wife", "samuel pepys’s wife"],
    ["place", "St. James's", "st. james’s"],
    ["place", "the Tower", "tower"],
    ["organisation", "The Royal Society’s", "royal society"],
    ["concept", "#Draft-Two", "draft-two"],
    ["page", "Act  One", "act one"],
    ["work", "The Bondman", "the bondman"],
    ["url", "HTTPS://Me:secret@Example.COM/A/b?c=D#part", "https://example.com/A/b?c=D"],
    ["url", "http://example.com/", "http://example.com"],
    ["url", "no address", "no address"],
  ])("of the %s %j is %j", (kind, form, key) => {
    expect(mentionKeyOf(kind, form)).toBe(key);
  });

  test("keeps at most 200 characters, and no half of a pair", () => {
    const key = mentionKeyOf("concept", `${"x".repeat(199)}🌍`);
    expect(key).toBe("x".repeat(199));
    expect(mentionKeyOf("concept", `${"x".repeat(198)}🌍y`)).toBe(`${"x".repeat(198)}🌍`);
    expect(mentionKeyOf("url", `https://example.com/${"y".repeat(9_000)}`)).toHaveLength(200);
  });

  test.each(ENTITY_KINDS.map((kind) => [kind]))("of a %s is its own, of whatever it is made", (kind) => {
    fc.assert(
      fc.property(names(), (form) => {
        const key = mentionKeyOf(kind, form);
        expect(mentionKeyOf(kind, key)).toBe(key);
        expect(key.length).toBeLessThanOrEqual(200);
        expect(key.isWellFormed()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the entity of a name", () => {
  test.each<[EntityKind, string, string[]]>([
    [
      "person",
      "w. batten",
      ["Sir William Batten", "Sir W. Batten", "[Sir] W. Batten", "William Batten", "W. Batten", "Wm. Batten"],
    ],
    ["person", "lord sandwich", ["my Lord Sandwich", "Lord Sandwich", "Earl of Sandwich", "my Lord of Sandwich"]],
    ["person", "lady castlemaine", ["my Lady Castlemaine", "Countess of Castlemaine"]],
    ["person", "creed", ["Mr. Creed", "Creed", "Mr Creed’s"]],
    ["person", "r. viner", ["Sir Robert Viner", "Sir R. Viner"]],
    ["person", "jane turner", ["Mrs. Jane Turner", "Jane Turner"]],
    ["person", "anna chen", ["Dr. Anna Chen", "Professor Anna Chen", "Captain Dr. Anna Chen", "Anna Chen"]],
    ["person", "deborah", ["Deb.", "Deborah"]],
    ["place", "fleet street", ["Fleet Street", "Fleet-street"]],
    ["place", "united states", ["the United States", "USA", "United States of America"]],
    ["place", "exchange", ["the ’Change", "the Exchange"]],
    ["place", "st. paul’s", ["St. Paul’s", "Saint Paul's", "St Paul’s"]],
    ["organisation", "committee of tangier", ["Committee for Tangier", "the Committee of the Tangier"]],
    ["organisation", "acme", ["Acme Ltd", "Acme, Inc.", "The Acme"]],
    ["concept", "machine learning", ["machine-learning", "#Machine_Learning", "machine learning"]],
  ])("%s %j has several names", (kind, entity, forms) => {
    expect(forms.map((form) => entityOf(kind, form))).toEqual(forms.map(() => entity));
  });

  test("of two people is two", () => {
    const people = [
      "Mrs. Pierce",
      "Mr. Pierce",
      "Dr. Pierce",
      "John Pierce",
      "Jane Pierce",
      "James Pierce",
      "Mrs. J. Pierce",
      "Samuel Pierce’s wife",
      "King Charles II",
      "King Charles",
      "Duke of York",
      "Sir William",
    ];
    expect(new Set(people.map((form) => entityOf("person", form))).size).toBe(people.length);
  });

  test.each(ENTITY_KINDS.map((kind) => [kind]))("%s is its own, of whatever the name is made", (kind) => {
    fc.assert(
      fc.property(names(), (form) => {
        const entity = entityOf(kind, form);
        expect(entityKeyOf(kind, entity)).toBe(entity);
        expect(entity === "").toBe(mentionKeyOf(kind, form) === "");
        expect(entity.length).toBeLessThanOrEqual(200);
      }),
      { numRuns: 60 },
    );
  });
});

function names(): fc.Arbitrary<string> {
  const word = fc.constantFrom(
    ..."Sir Mr. Mrs Lord Earl of the my Captain Dr. W. w.b William Batten’s [Sir] ’s s’ @anna #tag - _ . St. Saint Change USA, Inc. K İ ß ﬁ Σ".split(
      " ",
    ),
    "\u00a0",
    "https://A.b/?",
  );
  const made = fc.array(fc.oneof(word, fc.string({ unit: "grapheme", maxLength: 6 })), { maxLength: 9 });
  return fc.oneof(
    made.map((words) => words.join(" ")),
    made.map((words) => words.join("")),
    fc.string({ unit: "binary", maxLength: 500 }),
  );
}

test("the rules have a version: a graph from before links were known is offered a rebuild", () => {
  expect(EXTRACTOR_VERSION).toBe(2);
});
