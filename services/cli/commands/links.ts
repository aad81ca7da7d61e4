import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { countOrAll, text } from "../options/option-parsers.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export const LINK_TYPES = ["RELATES_TO", "DEPENDS_ON"] as const;
export type LinkWord = (typeof LINK_TYPES)[number];

export interface LinkOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly type: LinkWord;
  readonly why?: string;
  readonly key?: string;
}

export interface UnlinkOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly type: LinkWord;
}

export interface ListLinksOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly type?: LinkWord;
  readonly from?: boolean;
  readonly to?: boolean;
  readonly limit: number;
}

const FROM = "the memory that the link starts at: its id, or its place: module/position";
const TO = "the memory that it leads to";

function typeOption(): Option {
  return new Option("--type <type>", "what the link says").choices(LINK_TYPES);
}

export function linkCommand(cli: Cli): Command {
  const command = new Command("link")
    .summary("link one memory to another")
    .description(
      "Links one memory to another, with what the link says and why. A link that stands already is left as it is. " +
        "It is recorded in the module of the memory that it starts at, and the graph takes it up.",
    )
    .argument("<from>", FROM)
    .argument("<to>", TO)
    .addOption(typeOption().default("RELATES_TO"))
    .option("--why <text>", "why: it stays until one of the two memories is forgotten", text)
    .option("--key <key>", "makes this very call safe to repeat, even after the link was taken back", text);
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    [
      'cos link letters/12 drafts/7 --type DEPENDS_ON --why "the letter explains the scene"',
      "the first needs the second",
    ],
    ["cos links drafts/7", "what it is linked to"],
  ]);
  const run = runs(cli, async (from: string, to: string, options: LinkOptions) => {
    const { linkMemories } = await import("../links/link-memories.ts");
    return linkMemories(cli, from, to, options);
  });
  return command.action(run);
}

export function unlinkCommand(cli: Cli): Command {
  const command = new Command("unlink")
    .summary("take a link back")
    .description(
      "Takes a link back. That it was there, and why, stays in the log until one of the two memories is forgotten.",
    )
    .argument("<from>", FROM)
    .argument("<to>", TO)
    .addOption(typeOption().default("RELATES_TO"));
  addJsonOption(addAddressOption(command));
  addExamples(command, [["cos unlink letters/12 drafts/7 --type DEPENDS_ON", "it was a mistake"]]);
  const run = runs(cli, async (from: string, to: string, options: UnlinkOptions) => {
    const { unlinkMemories } = await import("../links/unlink-memories.ts");
    return unlinkMemories(cli, from, to, options);
  });
  return command.action(run);
}

export function linksCommand(cli: Cli): Command {
  const command = new Command("links")
    .summary("list the links of a memory")
    .description("Lists the links of a memory, from either end, whose other memory you may read too.")
    .argument("<id>", "the memory's id, or its place: module/position")
    .addOption(typeOption())
    .addOption(new Option("--from", "only those that start at it").conflicts(["to"]))
    .option("--to", "only those that lead to it")
    .option("--limit <count>", "how many at most, or `all`", countOrAll, 50);
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos links drafts/7", "both ways"],
    ["cos links drafts/7 --to --type DEPENDS_ON", "what depends on it"],
  ]);
  const run = runs(cli, async (which: string, options: ListLinksOptions) => {
    const { listLinks } = await import("../links/list-links.ts");
    return listLinks(cli, which, options);
  });
  return command.action(run);
}
