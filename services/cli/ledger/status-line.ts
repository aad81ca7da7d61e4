import type { LedgerFilters } from "../commands/ledger.ts";
import { columnsOf } from "../output/columns-of.ts";
import { countOf } from "../output/count-of.ts";
import { oneLine } from "../output/one-line.ts";
import type { Line, Span } from "./line.ts";
import type { Model, Standing } from "./model.ts";

/** A part of the status; where there is no room for all, those with the highest number go first. */
interface Part extends Span {
  readonly rank: number;
}

const GAP = "  ";
/** Modules that are named before the rest is counted. */
const MODULES_NAMED = 3;

/** How things stand, as much of it as there is room for. */
export function statusLine(model: Model): Line {
  const parts = partsOf(model).filter(({ text }) => text !== "");
  while (parts.length > 1 && columnsOfParts(parts) > model.size.columns) {
    const last = parts.reduce((worst, part) => (part.rank > worst.rank ? part : worst));
    parts.splice(parts.indexOf(last), 1);
  }
  return parts.flatMap(({ text, style }, index) => [
    ...(index === 0 ? [] : [{ text: GAP }]),
    style === undefined ? { text } : { text, style },
  ]);
}

function columnsOfParts(parts: readonly Part[]): number {
  return parts.reduce((columns, { text }) => columns + columnsOf(text) + GAP.length, -GAP.length);
}

function partsOf(model: Model): Part[] {
  const row = model.rows[model.selected];
  return [
    { text: standingWords(model.standing), style: styleOf(model.standing), rank: 0 },
    { text: followingWords(model), style: "bold", rank: 1 },
    { text: modulesWords(model.modules), rank: 3 },
    { text: row === undefined ? "" : `at ${row.module}/${row.position}`, rank: 2 },
    { text: `${countOf(model.rows.length, "row", "rows")} held`, style: "dim", rank: 5 },
    { text: filterWords(model.filters), style: "yellow", rank: 4 },
    { text: model.search === "" ? "" : `/${oneLine(model.search)}`, style: "yellow", rank: 4 },
  ];
}

function standingWords({ connection, behind, degraded }: Standing): string {
  if (connection !== "live") return connection;
  if (behind.length > 0)
    return `behind (${behind.length === 1 ? behind[0] : countOf(behind.length, "module", "modules")})`;
  return degraded ? "degraded" : "live";
}

function styleOf(standing: Standing): NonNullable<Span["style"]> {
  const words = standingWords(standing);
  if (words === "live") return "green";
  return words === "reconnecting" ? "red" : "yellow";
}

function followingWords({ following, unseen, older, rows }: Model): string {
  if (!following) return unseen === 0 ? "paused" : `paused, ${unseen.toLocaleString("en")} new`;
  return older === "reading" && rows.length === 0 ? "reading" : "";
}

function modulesWords(modules: readonly string[] | undefined): string {
  if (modules === undefined) return "all modules";
  const more = modules.length - MODULES_NAMED;
  return more <= 0 ? modules.join(", ") : `${modules.slice(0, MODULES_NAMED).join(", ")} and ${more} more`;
}

function filterWords({ type = [], source = [], session = [], tag = [], ...times }: LedgerFilters): string {
  const words = [...type, ...source, ...session, ...tag].map(oneLine);
  const isTimed = Object.values(times).some((time) => time !== undefined);
  return [...words, ...(isTimed ? ["within a time"] : [])].join(" ");
}
