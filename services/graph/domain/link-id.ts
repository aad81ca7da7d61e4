import type { EdgeRow } from "./graph-rows.ts";
import { idOf } from "./ids.ts";

/** The relationship of a link between memories. It follows from the link alone, and what is made by hand has ids of chance. */
export function linkId(type: string, from: string, to: string): string {
  return idOf("link", type, from, to);
}

/** Whether a relationship is a link between memories: it is made and taken back in the log, not here. */
export function isLink({ id, type, from, to }: Pick<EdgeRow, "id" | "type" | "from" | "to">): boolean {
  return id === linkId(type, from, to);
}
