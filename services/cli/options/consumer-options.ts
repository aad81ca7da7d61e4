import { type Command, Option } from "commander";
import { addFilterOptions, type FilterOptions } from "./filter-options.ts";
import { backoff, count, durationS, moduleName, repeated, start, text } from "./option-parsers.ts";
import type { GivenBackoff } from "./parse-backoff.ts";
import type { GivenStart } from "./parse-start.ts";

export const KEYS = ["module", "session", "source", "none"] as const;

/** What of a consumer may be changed. Times are in seconds. */
export interface ConsumerSettings extends FilterOptions {
  readonly lease?: number;
  readonly maxAttempts?: number;
  readonly maxInFlight?: number;
  readonly ackDeadline?: number;
  readonly backoff?: GivenBackoff;
  readonly description?: string;
}

/** What makes a consumer. */
export interface NewConsumer extends ConsumerSettings {
  readonly module?: string[];
  readonly all?: boolean;
  readonly key?: (typeof KEYS)[number];
  readonly from?: GivenStart;
}

export function addSettingsOptions(command: Command): Command {
  return addFilterOptions(command)
    .option("--lease <time>", "how long a member may be silent before its work goes to others (30s)", durationS)
    .option("--max-attempts <count>", "how often an event may fail before it is a dead letter (5)", count)
    .option("--max-in-flight <count>", "how many events all members together may hold (1,000)", count)
    .option("--ack-deadline <time>", "how long a member may hold one event (for ever)", durationS)
    .option("--backoff <times>", "how long an event rests after it failed, first and at most (1s..5m)", backoff)
    .option("--description <text>", "what it is for", text);
}

export function addNewConsumerOptions(command: Command): Command {
  command
    .option("--module <module>", "a module to read (repeatable; default: cc)", repeated(moduleName))
    .addOption(new Option("--all", "all modules, those registered later included").conflicts("module"))
    .addOption(new Option("--key <key>", "what keeps an order of its own (default: module)").choices(KEYS))
    .option("--from <place>", "beginning, end, a time, or a position such as 40 or pepys/40 (default: end)", start);
  return addSettingsOptions(command);
}
