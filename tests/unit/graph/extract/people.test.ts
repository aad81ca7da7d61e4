import { describe, expect, test } from "@jest/globals";
import { extractMentions } from "#services/graph/domain/extract/extract-mentions.ts";
import { namesIn, someMemory } from "./some-memory.ts";

const peopleIn = (text: string, source?: string) =>
  namesIn(text, source === undefined ? {} : { source })
    .filter((name) => name.startsWith("person "))
    .map((name) => name.slice("person ".length));

describe("a person is found", () => {
  test.each<[string, string, string[]]>([
    ["by a title", "Dined with Mr. Crew and Captain Cocke.", ["mr. crew", "captain cocke"]],
    [
      "by a title that may be any word before a sure name",
      "Mr. Young and Dr. Church left.",
      ["mr. young", "dr. church"],
    ],
    ["by several titles", "then Detective Inspector Morse came", ["detective inspector morse"]],
    ["by a knight’s", "with Sir William Batten and [Sir] W. Penn", ["sir william batten", "sir w. penn"]],
    [
      "by a noble’s",
      "my Lord Sandwich, the Earl of Sandwich, Lady Penn",
      ["lord sandwich", "earl of sandwich", "lady penn"],
    ],
    ["by a royal one", "King Charles II and the Duke of York", ["king charles ii", "duke of york"]],
    [
      "by an office that is one person’s",
      "to my Lord Chancellor, the Lord Privy Seal, Lord High Admiral, Lord Deputy of Ireland",
      ["lord chancellor", "lord privy seal", "lord high admiral", "lord deputy of ireland"],
    ],
    ["by a given name", "Anna Karlsson wrote to José Luis García.", ["anna karlsson", "josé luis garcía"]],
    ["by an initial", "J. R. R. Tolkien and W.Hewer agreed", ["j. r. r. tolkien", "w. hewer"]],
    ["by a shortened given name", "came Mrs. The. Turner and Wm. Bernard", ["mrs. the. turner", "wm. bernard"]],
    ["with a particle", "Ludwig van Beethoven and Simone de la Cruz", ["ludwig van beethoven", "simone de la cruz"]],
    ["by a given name alone", "Then Marta slept, and Tom too.", ["marta", "tom"]],
    ["by what is said", "“No,” said Hermia. Then Lysander replied, and Bottom’s ears moved.", ["hermia", "lysander"]],
    ["by what people do", "He stayed while Ashwell came.", ["ashwell"]],
    ["by whom one meets", "He had met Doling there, and walked with Luellin.", ["doling", "luellin"]],
    ["by a house that is his", "She called at Harper’s.", ["harper"]],
    ["by a list of people", "He saw Mr. Blackburne, Creed, and Wivell.", ["mr. blackburne", "creed", "wivell"]],
    ["by a companion", "He left, and Pembleton and I stayed.", ["pembleton"]],
  ])("%s", (_fact, text, people) => {
    expect(peopleIn(text)).toEqual(people);
  });

  test("a possessive names the same person", () => {
    const [batten] = extractMentions(
      someMemory({ text: "Sir W. Batten’s wife dined. Sir W. Batten slept at Sir W. Batten's." }),
    );
    expect(batten).toEqual({
      kind: "person",
      key: "sir w. batten",
      forms: ["Sir W. Batten"],
      count: 3,
      passages: [0, 1],
    });
  });

  test("a shorter name stands for the one fuller name of the memory", () => {
    const text = "Creed told Anna all. Later Mr. Creed met Anna Karlsson. Karlsson slept.";
    expect(extractMentions(someMemory({ text }))).toEqual([
      { kind: "person", key: "mr. creed", forms: ["Creed", "Mr. Creed"], count: 2, passages: [0, 1] },
      {
        kind: "person",
        key: "anna karlsson",
        forms: ["Anna", "Anna Karlsson", "Karlsson"],
        count: 3,
        passages: [0, 1, 2],
      },
    ]);
  });

  test("a surname stands for the man, if a woman has it too, and for nobody, if two men have it", () => {
    expect(peopleIn("Mrs. Pierce and Mr. Pierce. He saw Pierce.")).toEqual(["mrs. pierce", "mr. pierce"]);
    expect(peopleIn("Mr. Pierce and Dr. Pierce. I like Pierce.")).toEqual(["mr. pierce", "dr. pierce"]);
    expect(peopleIn("Mr. Pierce and Dr. Pierce. He met Pierce.")).toEqual(["mr. pierce", "dr. pierce", "pierce"]);
  });
});

describe("nobody is found", () => {
  test.each<[string, string]>([
    ["in a title alone", "The King sent for my Lord, and the Captain for Sir William and Sir W. B."],
    ["in two knights at once", "Sir Williams both dined."],
    ["in a saint", "on St. Stephen we rested"],
    ["at the beginning of a sentence", "Will it rain? Mark this. Grace period. Frank Discussion of Rust."],
    [
      "in programs",
      "fix(Store): Retry Foo.bar in src/App.tsx with TypeScript and ÆON; Merge Vitest. std::Vec Foo() iPhone x-Large",
    ],
    ["in machines", "He uses Vue with Postgres. She replaced Jest with Redis. The React team met. Docker is down."],
    ["in letters", "vitamin C. Students take plan B. Later option A. Nobody knows."],
    ["in headings", "# How To Write Good Chapters\n## Third Act Problems"],
    ["in what is shouted", "THE QUICK BROWN FOX SAID NO TO BOB AND ANNA"],
    [
      "in a title that is a word, where a sentence begins",
      "General Zork grew. Master Yonk failed. President Zork fell.",
    ],
    ["in days and nations", "On Monday the Dutch and Christmas came."],
    ["in German nouns", "Das Haus am Berg gehört der Familie. Der Hund schläft im Garten."],
    [
      "in a street or a firm",
      "King Street, the Justice Department, Captain of Industry, at General Motors, General Motors Company, Lord Chief justice, a Lord Chief",
    ],
  ])("%s", (_fact, text) => {
    expect(peopleIn(text)).toEqual([]);
  });
});

describe("a relation to the writer", () => {
  test("is named by the writer", () => {
    expect(extractMentions(someMemory({ text: "My wife slept. I love my dear wife’s voice." }))).toEqual([
      { kind: "person", key: "samuel pepys’s wife", forms: ["Samuel Pepys’s wife"], count: 2, passages: [0, 1] },
    ]);
    expect(peopleIn("to my uncle Wight’s with my brother Tom")).toEqual([
      "samuel pepys’s uncle wight",
      "samuel pepys’s brother tom",
    ]);
  });

  test("is known by a name of two words", () => {
    expect(peopleIn("came my cozen Roger Pepys, and my cozen Roger")).toEqual([
      "roger pepys",
      "samuel pepys’s cousin roger",
    ]);
  });

  test("is nobody without a name, where there may be several", () => {
    expect(peopleIn("my brother and my aunt; my Lord; my wifely joy")).toEqual([]);
  });

  test("is nobody’s to a writer without a name", () => {
    expect(peopleIn("my wife and my uncle Wight", "git")).toEqual([]);
    expect(peopleIn("my wife", "X".repeat(150))).toEqual([]);
  });
});
