import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { LedgerFilters } from "../commands/ledger.ts";
import { detailLines } from "./detail-lines.ts";
import { helpLines } from "./help-lines.ts";
import type { Line } from "./line.ts";
import type { Details, Help, Model, Size, Standing, Step } from "./model.ts";
import type { Key } from "./parse-keys.ts";
import { pressKey, restart } from "./press-key.ts";
import { settle } from "./settle.ts";
import { type ReadRows, type Recorded, takeRead, takeRecorded } from "./take-rows.ts";

/** What happens to the ledger. */
export type Message =
  | { readonly kind: "key"; readonly key: Key }
  | { readonly kind: "resized"; readonly size: Size }
  | { readonly kind: "standing"; readonly standing: Standing }
  | { readonly kind: "readMemory"; readonly memory: Memory }
  /** What was asked for did not come. */
  | { readonly kind: "unread"; readonly what: "rows" | "memory"; readonly note: string }
  /** The server takes no such filters: back to those that it took. */
  | { readonly kind: "refused"; readonly filters: LedgerFilters; readonly note: string }
  | { readonly kind: "noted"; readonly note: string }
  | Recorded
  | ReadRows;

/** The next model, and what is to be done; all that the ledger decides is decided here. */
export function update(model: Model, message: Message): Step {
  const { model: next, effects } = take(model, message);
  return { model: settle(next), effects };
}

function take(model: Model, message: Message): Step {
  switch (message.kind) {
    case "key":
      return pressKey(model, message.key);
    case "recorded":
      return takeRecorded(model, message);
    case "readRows":
      return { model: takeRead(model, message), effects: [] };
    case "resized":
      return { model: resized(model, message.size), effects: [{ kind: "redraw" }] };
    case "standing":
      return { model: { ...model, standing: message.standing }, effects: [] };
    case "readMemory":
      return { model: withMemory(model, message.memory), effects: [] };
    case "unread":
      return { model: withoutRead(model, message.what, message.note), effects: [] };
    case "refused": {
      const step = restart(model, message.filters);
      return { ...step, model: { ...step.model, note: message.note } };
    }
    case "noted":
      return { model: { ...model, note: message.note }, effects: [] };
  }
}

/** What is read is wrapped anew, and may then have fewer lines. */
function resized(before: Model, size: Size): Model {
  const model = { ...before, size };
  const { mode } = model;
  if (mode.kind !== "help" && mode.kind !== "details") return model;
  const lines = linesOf(mode, size.columns);
  return { ...model, mode: { ...mode, lines, scrolled: Math.max(0, Math.min(mode.scrolled, lines.length - 1)) } };
}

function linesOf(mode: Help | Details, columns: number): readonly Line[] {
  if (mode.kind === "help") return helpLines(columns);
  return mode.memory === undefined ? [] : detailLines(mode.memory, columns);
}

function withMemory(model: Model, memory: Memory): Model {
  const { mode, size } = model;
  // Another was opened meanwhile, or none is.
  if (mode.kind !== "details" || mode.row.id !== memory.id) return model;
  return { ...model, mode: { ...mode, memory, lines: detailLines(memory, size.columns) } };
}

function withoutRead(model: Model, what: "rows" | "memory", note: string): Model {
  if (what === "rows") return { ...model, older: "some", note };
  return model.mode.kind === "details" ? { ...model, mode: { kind: "list" }, note } : model;
}
