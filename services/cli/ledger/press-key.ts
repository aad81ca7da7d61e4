// What each key does.

import type { LedgerFilters } from "../commands/ledger.ts";
import { graphemesOf } from "../output/columns-of.ts";
import { safeLines } from "../output/one-line.ts";
import { findRow } from "./find-row.ts";
import { helpLines } from "./help-lines.ts";
import { CONNECTING, type Details, type Effect, type Help, type Input, type Model, type Step } from "./model.ts";
import type { Key } from "./parse-keys.ts";
import { scrollTo } from "./scroll-to.ts";
import { rowsShown } from "./settle.ts";

/** What somebody may type into the bottom line, in characters. */
const INPUT_MAX = 200;
/** Between several types or sources. */
const BETWEEN = "|";

const only = (model: Model, ...effects: readonly Effect[]): Step => ({ model, effects });

export function pressKey(before: Model, key: Key): Step {
  const model = { ...before, note: "" };
  switch (key.name) {
    case "ctrl-c":
      return only(model, { kind: "end", how: "interrupted" });
    case "ctrl-z":
      return only(model, { kind: "suspend" });
    case "ctrl-l":
      return only(model, { kind: "redraw" });
    default:
  }
  switch (model.mode.kind) {
    case "input":
      return typeInto(model, model.mode, key);
    case "details":
    case "help":
      return only(read(model, model.mode, key));
    case "list":
      return pressInList(model, key.name === "character" ? key.character : key.name);
  }
}

const list = (model: Model): Model => ({ ...model, mode: { kind: "list" } });

function pressInList(model: Model, key: string): Step {
  switch (key) {
    case "up":
    case "k":
      return move(model, -1);
    case "down":
    case "j":
      return move(model, 1);
    case "pageup":
    case "b":
      return move(model, -pageOf(model));
    case "pagedown":
      return move(model, pageOf(model));
    case "home":
    case "g":
      return move(model, -model.rows.length);
    case "end":
    case "G":
    case "f":
      return follow(model);
    case " ":
      return model.following ? only({ ...model, following: false }) : follow(model);
    case "enter":
      return open(model);
    case "n":
      return only(search(model, -1));
    case "N":
      return only(search(model, 1));
    case "/":
      return only(ask(model, "search", ""));
    case "t":
      return only(ask(model, "type", (model.filters.type ?? []).join(BETWEEN)));
    case "s":
      return only(ask(model, "source", (model.filters.source ?? []).join(BETWEEN)));
    case "?":
      return only({ ...model, mode: { kind: "help", lines: helpLines(model.size.columns), scrolled: 0 } });
    case "escape":
      return only({ ...model, search: "" });
    case "q":
      return only(model, { kind: "end", how: "quit" });
    default:
      return only(model);
  }
}

function pageOf(model: Model): number {
  return Math.max(1, rowsShown(model.size) - 1);
}

function move(model: Model, by: number): Step {
  const selected = Math.max(0, Math.min(model.rows.length - 1, model.selected + by));
  const moved = selected === model.selected ? model : { ...model, selected, following: false };
  const [first] = model.rows;
  const isNearOldest = by < 0 && selected < pageOf(model);
  if (first === undefined || !isNearOldest || model.older !== "some") return only(moved);
  return only({ ...moved, older: "reading" }, { kind: "readOlder", before: first });
}

function follow(model: Model): Step {
  const following = { ...model, following: true, unseen: 0 };
  if (!model.cut) return only(following);
  // Emptied before the newest are asked for: what comes meanwhile stays, and what is read joins on to it.
  return only({ ...following, rows: [], cut: false, older: "reading" }, { kind: "readLatest" });
}

function open(model: Model): Step {
  const row = model.rows[model.selected];
  if (row === undefined) return only(model);
  const mode: Details = { kind: "details", row, memory: undefined, lines: [], scrolled: 0 };
  return only({ ...model, mode }, { kind: "readMemory", row });
}

/** From the end, which is where one stands, the next is the one before. */
function search(model: Model, step: 1 | -1, from: number = model.selected): Model {
  if (model.search === "") return { ...model, note: "nothing was searched for yet: / begins" };
  const found = findRow(model.rows, model.search, from, step);
  if (found < 0)
    return {
      ...model,
      note: `none of the ${model.rows.length.toLocaleString("en")} held has it${model.older === "some" ? ": page up reads more" : ""}`,
    };
  const wentRound = step < 0 ? found >= from : found <= from;
  return { ...model, selected: found, following: false, note: wentRound ? "searched on from the other end" : "" };
}

function ask(model: Model, asks: Input["asks"], text: string): Model {
  return { ...model, mode: { kind: "input", asks, text } };
}

function typeInto(model: Model, input: Input, key: Key): Step {
  const typed = (text: string): Step => only({ ...model, mode: { ...input, text } });
  switch (key.name) {
    case "character":
      // What a terminal would act upon can be pasted, but says nothing in a search.
      return typed(`${input.text}${safeLines(key.character).join("")}`.slice(0, INPUT_MAX).toWellFormed());
    case "backspace":
      return typed(
        [...graphemesOf(input.text)]
          .slice(0, -1)
          .map(([grapheme]) => grapheme)
          .join(""),
      );
    case "ctrl-u":
      return typed("");
    case "escape":
      return only(list(model));
    case "enter":
      return input.asks === "search"
        ? only(searchFor(list(model), input.text))
        : filterBy(list(model), input.asks, input.text);
    default:
      return only(model);
  }
}

function searchFor(model: Model, text: string): Model {
  if (text === "") return { ...model, search: "" };
  // From just behind it: the selected row itself is the first to be looked at.
  return search({ ...model, search: text }, -1, model.selected + 1);
}

function filterBy(model: Model, field: "type" | "source", text: string): Step {
  const values = text
    .split(BETWEEN)
    .map((value) => value.trim())
    .filter((value) => value !== "");
  const { [field]: _, ...others } = model.filters;
  return restart(model, values.length === 0 ? others : { ...others, [field]: values });
}

/** The ledger from its end, with these filters. */
export function restart(model: Model, filters: LedgerFilters): Step {
  const emptied = { rows: [], selected: 0, top: 0, following: true, unseen: 0, cut: false, older: "reading" } as const;
  return only({ ...model, ...emptied, filters, standing: CONNECTING }, { kind: "restart", filters });
}

/** In a memory or the help: a key that does not scroll goes back, if it says so. */
function read(model: Model, text: Details | Help, key: Key): Model {
  const scrolled = scrollTo(key, { scrolled: text.scrolled, lines: text.lines.length, shown: rowsShown(model.size) });
  if (scrolled !== undefined) return { ...model, mode: { ...text, scrolled } };
  const goesBack = key.name === "enter" || key.name === "escape" || (key.name === "character" && key.character === "q");
  return goesBack ? list(model) : model;
}
