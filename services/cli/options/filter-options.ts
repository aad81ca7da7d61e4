import type { Command } from "commander";
import { repeated, text } from "./option-parsers.ts";

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
