import type { Command } from "commander";
import { instant, repeated, text } from "./option-parsers.ts";
import type { Instant } from "./parse-instant.ts";

/** What `filterOptions` leaves in a command's options. */
export interface FilterOptions {
  readonly type?: string[];
  readonly source?: string[];
  readonly session?: string[];
  readonly tag?: string[];
}

/** The filters that streams and lists share. */
export function addFilterOptions(command: Command): Command {
  return command
    .option("--type <type>", "only this event type; `diary.*` takes all below (repeatable)", repeated(text))
    .option("--source <source>", "only from this source (repeatable)", repeated(text))
    .option("--session <id>", "only of this session (repeatable)", repeated(text))
    .option("--tag <tag>", "only with this tag, or another that is named (repeatable)", repeated(text));
}

/** What `addTimeOptions` leaves in a command's options. */
export interface TimeOptions {
  readonly since?: Instant;
  readonly until?: Instant;
  readonly recordedSince?: Instant;
  readonly recordedUntil?: Instant;
}

/** The times that lists are narrowed down to. */
export function addTimeOptions(command: Command): Command {
  return command
    .option("--since <time>", "what happened then or later: a date or an RFC 3339 time", instant)
    .option("--until <time>", "what happened before that", instant)
    .option("--recorded-since <time>", "what was recorded then or later", instant)
    .option("--recorded-until <time>", "what was recorded before that", instant);
}
