import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface WhoAmIOptions {
  readonly address?: string;
  readonly json?: boolean;
}

export function whoAmICommand(cli: Cli): Command {
  const command = new Command("whoami")
    .summary("show who you are to COS, and what you may do")
    .description("Shows as whom COS knows you, by what, and your rights in each module (* stands for all).");
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos whoami", "on this machine, or with the token of the environment"],
    ["COS_TOKEN_FILE=bot.token cos whoami", "with the token of a file"],
  ]);
  const run = runs(cli, async (options: WhoAmIOptions) => {
    const { whoAmI } = await import("../who-am-i.ts");
    return whoAmI(cli, options);
  });
  return command.action(run);
}
