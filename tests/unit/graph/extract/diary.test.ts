/**
 * Precision and recall on real prose: 150 entries of the diary of Samuel Pepys, labelled by hand.
 *
 * The sample: every 22nd entry of the file from the 11th on, alternately of the half that rules may be made for and of the held-out
 * half, up to the last white space within the first 1,000 characters. The file holds keys and labels only, never a text.
 *
 * The labels are the names that a reader finds, before any rule read the entries:
 * - people: by name, with or without a title, also where a name stands for a house (`at Mr. Crew’s`); an office that is one person’s
 *   (`Lord Chancellor`). Not titles alone (`the King`, `my Lord`, `the Duke`), not relations without a name (`my wife`); a relation with
 *   one name is the writer’s (`my uncle Wight`).
 * - places: with a name of their own, streets, houses, churches and taverns too. Not what any town has (`the office`, `the Park`), no
 *   ships.
 * - organisations: bodies with a name (`Privy Seal`, `Committee of Tangier`).
 * - either: names that two readers would label differently (`the House`, a place within an organisation’s name); they count neither way.
 *
 * A name is found if a mention of its kind in the same entry is of the same entity. Of the relations without a name neither is counted:
 * they are always right and would only flatter.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { extractMentions } from "#services/graph/domain/extract/extract-mentions.ts";
import { entityKeyOf, mentionKeyOf } from "#services/graph/domain/extract/name-key.ts";
import { someMemory } from "./some-memory.ts";

const KINDS = ["person", "place", "organisation"] as const;
type Kind = (typeof KINDS)[number];

interface Labels extends Record<Kind, string[]> {
  key: string;
  half: "development" | "held-out";
  either: string[];
}

interface Score {
  right: number;
  wrong: number;
  missed: number;
}

const DIARY = join(import.meta.dirname, "..", "..", "..", "..", "..", "shared", "data", "pepys.jsonl.gz");
const LABELLED_CHARACTERS = 1_000;
const RELATION_ALONE = /^samuel pepys’s [a-z-]+$/;

/** What is asked of each kind on the held-out half: precision, recall. */
const FLOORS: Record<Kind, [number, number]> = { person: [0.9, 0.82], place: [0.9, 0.85], organisation: [0.85, 0.85] };

describe("in a diary of the 17th century", () => {
  const labels = lines<Labels>(readFileSync(join(import.meta.dirname, "diary-labels.jsonl"), "utf8"));

  test("every 22nd entry is labelled, half of them held out", () => {
    expect(labels).toHaveLength(150);
    expect(labels.filter(({ half }) => half === "held-out")).toHaveLength(75);
    expect(new Set(labels.map(({ key }) => key)).size).toBe(150);
  });

  const measured = existsSync(DIARY) ? test : test.skip;

  measured("people and places are found, and little else is taken for them", () => {
    const texts = diary();
    const heldOut = scores(
      labels.filter(({ half }) => half === "held-out"),
      texts,
    );
    const report = [
      [
        "development",
        scores(
          labels.filter(({ half }) => half === "development"),
          texts,
        ),
      ] as const,
      ["held-out", heldOut] as const,
      ["all", scores(labels, texts)] as const,
    ].flatMap(([name, of]) => KINDS.map((kind) => `${name} ${kind}: ${written(of[kind])}`));
    process.stdout.write(`${report.join("\n")}\n`);
    for (const kind of KINDS) {
      const [precisionMin, recallMin] = FLOORS[kind];
      expect({ kind, enough: precision(heldOut[kind]) >= precisionMin }).toEqual({ kind, enough: true });
      expect({ kind, enough: recall(heldOut[kind]) >= recallMin }).toEqual({ kind, enough: true });
    }
  });
});

function lines<T>(text: string): T[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

function diary(): Map<string, string> {
  const entries = lines<{ key: string; text: string }>(gunzipSync(readFileSync(DIARY)).toString());
  return new Map(entries.map(({ key, text }) => [key, beginning(text)]));
}

function beginning(text: string): string {
  return text.length <= LABELLED_CHARACTERS ? text : text.slice(0, text.lastIndexOf(" ", LABELLED_CHARACTERS));
}

function scores(labels: Labels[], texts: Map<string, string>): Record<Kind, Score> {
  const none = (): Score => ({ right: 0, wrong: 0, missed: 0 });
  const total = { person: none(), place: none(), organisation: none() };
  for (const entry of labels) {
    const mentions = extractMentions(someMemory({ text: texts.get(entry.key) ?? "" }));
    for (const kind of KINDS) {
      const wanted = new Set(entry[kind].map((name) => entityOf(kind, name)));
      const uncounted = new Set(entry.either.flatMap((name) => KINDS.map((any) => entityOf(any, name))));
      const found = new Set(
        mentions.filter((mention) => mention.kind === kind).map(({ key }) => entityKeyOf(kind, key)),
      );
      const counted = [...found].filter((key) => !uncounted.has(key) && !RELATION_ALONE.test(key));
      total[kind].right += [...wanted].filter((key) => found.has(key)).length;
      total[kind].missed += [...wanted].filter((key) => !found.has(key)).length;
      total[kind].wrong += counted.filter((key) => !wanted.has(key)).length;
    }
  }
  return total;
}

function entityOf(kind: Kind, name: string): string {
  return entityKeyOf(kind, mentionKeyOf(kind, name));
}

function precision({ right, wrong }: Score): number {
  return right / (right + wrong);
}

function recall({ right, missed }: Score): number {
  return right / (right + missed);
}

function written(score: Score): string {
  const { right, wrong, missed } = score;
  return `precision ${precision(score).toFixed(3)}, recall ${recall(score).toFixed(3)} (${right} right, ${wrong} wrong, ${missed} missed)`;
}
