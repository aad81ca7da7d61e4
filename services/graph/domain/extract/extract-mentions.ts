import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Mention } from "../mention.ts";
import { declaredNames } from "./declared-names.ts";
import { findNames } from "./find-names.ts";
import { collect, mentionCollector } from "./mention-collector.ts";
import { scanText } from "./scan-text.ts";
import { settleCandidates } from "./settle-candidates.ts";
import type { Sighting } from "./sighting.ts";

/** The passage of names that mark the whole memory. */
const WHOLE_MEMORY = -1;
const WRITER_MAX = 100;

/**
 * What a memory names: the people, places and organisations of its text and its prompt trace, what its writer marked there (pages,
 * people, concepts, addresses), its tags, and the entities that its payload declares. At most 256 mentions, in the order in which they
 * first come: declared ones, tags, then by their place in the text.
 *
 * A pure function of the memory: equal memories have equal mentions, whatever else was recorded. It takes time linear in the text's
 * length, whatever the text is.
 */
export function extractMentions(memory: Memory): Mention[] {
  const collector = mentionCollector();
  for (const { kind, form } of declaredNames(memory.payload)) collect(collector, kind, form, WHOLE_MEMORY);
  for (const tag of memory.tags) collect(collector, "concept", tag, WHOLE_MEMORY);
  const text = textOf(memory);
  for (const { kind, form, alias, passage } of namesOf(text, writerOf(memory))) {
    collect(collector, kind, alias ?? form, passage, form);
  }
  return collector.mentions;
}

function textOf({ text, promptTrace }: Memory): string {
  if (promptTrace === undefined) return text;
  return [text, promptTrace.prompt, promptTrace.response].filter((part) => part !== "").join("\n\n");
}

/** Who says `my wife`: the source, if it is a name. */
function writerOf({ source }: Memory): string {
  return source.length <= WRITER_MAX && /^\p{Lu}\p{Ll}/u.test(source) ? source.trim() : "";
}

function namesOf(text: string, writer: string): Sighting[] {
  if (text === "") return [];
  const scanned = scanText(text);
  const found = findNames(text, scanned, writer);
  settleCandidates(scanned, found);
  return [...scanned.marks, ...found.seen, ...found.full].sort((one, other) => one.start - other.start);
}
