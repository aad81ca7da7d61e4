import { loadavg } from "node:os";

/** A goal that a figure has to meet. */
export interface Goal {
  readonly goal: string;
  readonly measured: number;
  /** The measured value may be at most this, or at least, as `bound` says. */
  readonly limit: number;
  readonly bound: "at most" | "at least";
  readonly unit: string;
}

/** What one benchmark found: a table, and what it means. */
export interface Report {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly goals: readonly Goal[];
}

export function isMet({ measured, limit, bound }: Goal): boolean {
  return bound === "at most" ? measured <= limit : measured >= limit;
}

/** The load of the machine over the last minute, as it stands beside every figure: others may be at work on it. */
export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

/** A report as lines for a person. */
export function formatReport(name: string, report: Report, loads: readonly [before: string, after: string]): string {
  const cells = [report.columns, ...report.rows.map((row) => row.map(formatCell))];
  const widths = report.columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join("  "),
  );
  const [head = "", ...body] = lines;
  const goals = report.goals.map((goal) => `  ${isMet(goal) ? "met " : "MISS"}  ${formatGoal(goal)}`);
  const title = `${name}: ${report.title} (load ${loads[0]} -> ${loads[1]})`;
  return [title, `  ${head}`, ...body.map((line) => `  ${line}`), ...goals, ""].join("\n");
}

function formatGoal({ goal, measured, limit, bound, unit }: Goal): string {
  return `${goal}: ${formatCell(measured)}${unit}, wanted ${bound} ${formatCell(limit)}${unit}`;
}

/** Three digits that count, or all of them before the point. */
function formatCell(value: string | number): string {
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
