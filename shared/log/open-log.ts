import {
  type Bindings,
  type DestinationStream,
  destination,
  type LogFn,
  type Logger,
  pino,
  stdTimeFunctions,
} from "pino";
import { describeError } from "./describe-error.ts";
import { sweep } from "./sweep.ts";

export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The names under which a line may hold a string. None of them holds what people write. Numbers and booleans may stand
 * under any name, errors under `err`; whatever else is given appears as UNLISTED, so that it is missed in review
 * rather than leaked in production.
 */
const STRING_FIELDS = new Set([
  "address",
  "caller",
  "code",
  "engine",
  "epoch",
  "event",
  "host",
  "memory_id",
  "method",
  "migration",
  "module",
  "name",
  "peer",
  "protocol",
  "purpose",
  "reason",
  "request_id",
  "service",
  "setting",
  "signal",
  "state",
  "subscription_id",
  "trace_id",
  "version",
]);

const UNLISTED = "[unlisted]";

function listed(fields: Record<string, unknown>): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === "err") line.err = describeError(value);
    else if (typeof value === "number" || typeof value === "boolean") line[name] = value;
    else if (typeof value === "string") line[name] = STRING_FIELDS.has(name) ? value : UNLISTED;
    else if (value !== undefined && value !== null) line[name] = UNLISTED;
  }
  return line;
}

/** `log.error(error)` would make the error's message the line's; it becomes a field like any other. */
function withoutBareErrors(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, ...rest] = args as [unknown, ...unknown[]];
  const named = first instanceof Error ? [{ err: first }, ...(rest.length > 0 ? rest : ["unexpected error"])] : args;
  method.apply(this, named as Parameters<LogFn>);
}

/**
 * Opens the log of a process: JSON lines on standard output (or `to`), fields first, times in RFC 3339.
 *
 * Three nets keep content and secrets out (SECURITY, 1.6): an allow-list of string fields, errors by their
 * description alone, and a sweep over the finished line.
 */
export function openLog(options: { service: string; level?: LogLevel; to?: DestinationStream }): Log {
  const out = options.to ?? destination({ fd: 1, sync: true });
  const log = pino(
    {
      level: options.level ?? "info",
      base: { service: options.service, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: listed },
      // The fields are described above already; pino's own serialiser would add the error's message.
      serializers: { err: (value: unknown) => value },
      hooks: { logMethod: withoutBareErrors },
    },
    { write: (line: string) => out.write(sweep(line)) },
  );
  // pino's formatters do not reach what a child binds. (Children inherit this method, and theirs this one.)
  const child: unknown = log.child;
  return Object.assign(log, {
    child(this: Log, bindings: Bindings, ...rest: unknown[]): Log {
      return Reflect.apply(child as () => Log, this, [listed(bindings), ...rest]);
    },
  });
}
