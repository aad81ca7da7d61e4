import { styleText } from "node:util";

interface PinoLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const SHOWN_LEVELS = new Set(["warn", "error", "fatal"]);
const HIDDEN_FIELDS = new Set(["level", "msg", "time", "pid", "service", "err", "hostname"]);

/**
 * One line of a service's log as a person wants to see it on the terminal; undefined for what only the file keeps.
 *
 * Shown are warnings and above, and whatever is not JSON: what a process says before it has a log, or in its agony.
 */
export function formatLine(service: string, line: string): string | undefined {
  const parsed = parse(line);
  if (parsed === undefined) return plain(service, line);
  if (!SHOWN_LEVELS.has(parsed.level)) return undefined;
  const colour = parsed.level === "warn" ? "yellow" : "red";
  const fields = Object.entries(parsed).filter(([name]) => !HIDDEN_FIELDS.has(name));
  const details = [cause(parsed.err), ...fields.map(([name, value]) => `${name}=${shown(value)}`)].filter(Boolean);
  const tail = details.length > 0 ? ` (${details.join(", ")})` : "";
  return `${service}  ${styleText(colour, parsed.level)}  ${parsed.msg}${tail}`;
}

function plain(service: string, line: string): string | undefined {
  if (line.trim() === "" || /^\s+at /.test(line)) return undefined;
  return line.startsWith(`${service}:`) ? line : `${service}: ${line}`;
}

function parse(line: string): PinoLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line) as PinoLine;
    return typeof value.level === "string" && typeof value.msg === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What an error is, in a word or a sentence; the file has the rest. */
function cause(err: unknown): string | undefined {
  if (typeof err !== "object" || err === null) return undefined;
  const { code, reason, name } = err as Record<string, unknown>;
  const word = code ?? reason ?? name;
  return word === undefined ? undefined : shown(word);
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
