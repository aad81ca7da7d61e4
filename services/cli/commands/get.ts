import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface GetOptions {
  readonly address?: string;
  readonly json?: boolean;
}

export function getCommand(cli: Cli): Command {
  const command = new Command("get")
    .summary("show one memory whole")
    .description("Shows one memory with all its fields.")
    .argument("<id>", "the memory's id, or its place: module/position, or m:module/position as search cites it");
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos get 019a3f5e-7c1b-7d0e-8c55-0f6b2a9d4e11", "by id"],
    ["cos get pepys/1", "by place: the first memory of module pepys"],
    ["cos get pepys/1 --json | jq -r .text", "only its text"],
  ]);
  const run = runs(cli, async (which: string, options: GetOptions) => {
    const { getOne } = await import("../get-one.ts");
    return getOne(cli, which, options);
  });
  return command.action(run);
}
