import { idOf } from "./ids.ts";
import type { NameKey } from "./mention.ts";

// The ids of what is derived. They follow from the module and the name alone, so that a rebuild gives each node its id again.

/** The node of an entity or concept. */
export function entityId(module: string, { kind, key }: NameKey): string {
  return idOf(module, "entity", kind, key);
}

/** The node of a session, by its name. */
export function sessionId(module: string, name: string): string {
  return idOf(module, "session", name);
}

/** The node of a source, by what memories say of theirs. */
export function sourceId(module: string, name: string): string {
  return idOf(module, "source", name);
}

/** The node of the module itself. */
export function moduleId(module: string): string {
  return idOf(module, "module");
}
