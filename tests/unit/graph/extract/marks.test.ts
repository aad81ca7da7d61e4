import { describe, expect, test } from "@jest/globals";
import { extractMentions } from "#services/graph/domain/extract/extract-mentions.ts";
import { namesIn, someMemory } from "./some-memory.ts";

describe("what a writer marks", () => {
  test.each<[string, string, string[]]>([
    ["a link names a page", "see [[Act One]] again", ["page act one"]],
    ["a link's text and heading are cut", "[[Outline|the plan]] [[Outline#End]] [[Outline^block]]", ["page outline"]],
    ["a link to a heading of its own page names none", "[[#End]] [[ ]] [[]]", []],
    ["a link ends in its line", "[[Act\nOne]] [[open", []],
    ["a link of 200 characters is the longest", `[[${"x".repeat(201)}]]`, []],
    ["@ names a person", "ask @anna.k, (@bob) and @zoë_1.", ["person anna.k", "person bob", "person zoë_1"]],
    ["an e-mail address names nobody", "anna@example.com Anna.K@Example.com a@b@c", []],
    ["a package, a decorator, a parameter are no people", "@types/node @Injectable() @param @1 @", []],
    ["# names a concept", "#draft-two, (#Plot) #a/b", ["concept draft-two", "concept plot", "concept a/b"]],
    ["an issue, a colour, a heading are no concepts", "#123 #fff #1a2b3c # x ## y a#b", []],
    [
      "a word of the letters of colours is one",
      "#facade #decade #cafe",
      ["concept facade", "concept decade", "concept cafe"],
    ],
    [
      "an address is one",
      "See https://Example.com/A?b=c#d, or HTTP://x.org.",
      ["url https://example.com/A?b=c", "url http://x.org"],
    ],
    [
      "an address ends before its bracket",
      "(https://a.org/b_(c)) <https://d.org>",
      ["url https://a.org/b_(c)", "url https://d.org"],
    ],
    ["an address is stepped over", "https://a.org/Anna_Karlsson/@bob/#Tag", ["url https://a.org/Anna_Karlsson/@bob/"]],
    ["other addresses are stepped over", "ftp://a.org/Anna_Karlsson http:// xhttps://b.org/#Tag", []],
    ["code is not read", "`[[a]] @b #c Anna Karlsson` and\n```\n[[a]]\n@b #c\n```\n#d", ["concept d"]],
    ["an open fence hides nothing", "```\n[[a]] #c", ["page a", "concept c"]],
    ["an open backtick hides nothing", "` [[a]]\n\n` #c", ["page a", "concept c"]],
    ["an indented fence hides its lines", "  ```\n [[a]]\n ```\n#c", ["concept c"]],
  ])("%s", (_fact, text, names) => {
    expect(namesIn(text)).toEqual(names);
  });
});

describe("what marks a whole memory", () => {
  test("its tags are concepts, before all passages", () => {
    const mentions = extractMentions(someMemory({ tags: ["Plot", "#office"], text: "about #plot" }));
    expect(mentions).toEqual([
      { kind: "concept", key: "plot", forms: ["Plot", "plot"], count: 2, passages: [-1, 0] },
      { kind: "concept", key: "office", forms: ["#office"], count: 1, passages: [-1] },
    ]);
  });

  test("its payload declares entities", () => {
    const payload = {
      entities: [
        "Naval history",
        { name: "The Loyal Subject", kind: "work" },
        { name: "Odd", kind: "thing" },
        { kind: "work" },
      ],
      people: ["Sir W. Batten", 7],
      places: ["the Tower"],
      organisations: ["Navy Office"],
      organizations: ["Acme"],
      works: ["The Bondman"],
      concepts: ["money"],
    };
    expect(namesIn("", { payload })).toEqual([
      "concept naval history",
      "work the loyal subject",
      "concept odd",
      "person sir w. batten",
      "place tower",
      "organisation navy office",
      "organisation acme",
      "work the bondman",
      "concept money",
    ]);
  });

  test("a payload of another shape declares nothing", () => {
    expect(namesIn("", { payload: { entities: { a: 1 }, people: "Anna", works: null } })).toEqual([]);
    expect(namesIn("", { payload: { entities: [null, 1, ["x"], { name: 2 }, ""], people: [""] } })).toEqual([]);
  });

  test("a prompt and its answer are read too", () => {
    const promptTrace = { prompt: "Who is Anna Karlsson?", response: "A friend of Dr. Chen." };
    expect(namesIn("", { promptTrace })).toEqual(["person anna karlsson", "person dr. chen"]);
    expect(namesIn("On #plot.", { promptTrace: { prompt: "More?" } })).toEqual(["concept plot"]);
  });

  test("nothing is named in a memory that was forgotten", () => {
    expect(extractMentions(someMemory({ source: "" }))).toEqual([]);
  });
});
