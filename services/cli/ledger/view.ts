import { oneLine } from "../output/one-line.ts";
import { fitLine, type Line, lastColumns } from "./line.ts";
import type { Input, Model } from "./model.ts";
import { rowLines } from "./row-lines.ts";
import { linesBelow, rowsShown } from "./settle.ts";
import { statusLine } from "./status-line.ts";

/** The screen: as many lines as the terminal has rows, none wider than it, nothing in them that it would act upon. */
export function view(model: Model): readonly Line[] {
  const { columns, rows } = model.size;
  const shown = rowsShown(model.size);
  const main = mainLines(model, shown).slice(0, shown);
  const blank = Array.from({ length: shown - main.length }, (): Line => []);
  const below =
    linesBelow(model.size) === 1
      ? [bottomLine(model) ?? statusLine(model)]
      : [statusLine(model), bottomLine(model) ?? hintLine(model)];
  return [...main, ...blank, ...below].slice(0, rows).map((line) => fitLine(line, columns));
}

function mainLines(model: Model, shown: number): readonly Line[] {
  const { mode, rows, top, selected, search, size } = model;
  if (mode.kind === "help" || mode.kind === "details") return mode.lines.slice(mode.scrolled, mode.scrolled + shown);
  if (rows.length === 0 && model.older !== "reading") return [[{ text: NOTHING, style: "dim" }]];
  return rowLines(rows.slice(top, top + shown), { columns: size.columns, selected: selected - top, search });
}

const NOTHING = "Nothing is recorded here yet that fits.";

/** What is being typed, or what is to be said; undefined: nothing. */
function bottomLine({ mode, note, size }: Model): Line | undefined {
  if (mode.kind === "input") return inputLine(mode, size.columns);
  return note === "" ? undefined : [{ text: oneLine(note), style: "bold" }];
}

const ASKS: Readonly<Record<Input["asks"], string>> = {
  search: "search: ",
  type: "types, with | between: ",
  source: "sources, with | between: ",
};

/** The end of what is typed stays in sight. */
function inputLine({ asks, text }: Input, columns: number): Line {
  const end = lastColumns(text, columns - ASKS[asks].length - 1);
  return [{ text: ASKS[asks], style: "dim" }, { text: end }, { text: " ", style: "inverse" }];
}

function hintLine({ mode, following }: Model): Line {
  return [{ text: hintsOf(mode, following), style: "dim" }];
}

function hintsOf(mode: Model["mode"], following: boolean): string {
  if (mode.kind === "help" || mode.kind === "details") return "q goes back   up, down, page up, page down scroll";
  const first = following ? "space pauses" : "f follows";
  return `? help   ${first}   / searches   enter shows all of it   t, s filter   q quits`;
}
