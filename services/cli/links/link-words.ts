import type { Link, LinkedMemory } from "#gen/cos/conductor/v1/links_pb.ts";
import { LinkType, LinkTypeSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { LinkWord } from "../commands/links.ts";

/** The type of an option. */
export function typeOfWord(word: LinkWord): LinkType {
  return { RELATES_TO: LinkType.RELATES_TO, DEPENDS_ON: LinkType.DEPENDS_ON }[word];
}

/** `DEPENDS_ON`; of a type that is newer than this program, its number. */
export function wordOfType(type: LinkType): string {
  return LinkTypeSchema.value[type]?.localName ?? String(type);
}

/** `pepys/12`, which `cos get` takes. */
export function placeOf(memory: LinkedMemory | undefined): string {
  return memory === undefined ? "" : `${memory.module}/${memory.position}`;
}

/** `letters/12 DEPENDS_ON drafts/7`. */
export function linkWords({ fromMemory, type, toMemory }: Link): string {
  return `${placeOf(fromMemory)} ${wordOfType(type)} ${placeOf(toMemory)}`;
}
