import { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { durationS, grant, id, repeated } from "../options/option-parsers.ts";
import type { GivenGrant } from "../options/parse-grant.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

interface CommonOptions {
  readonly address?: string;
  readonly json?: boolean;
}

export const KINDS = ["person", "agent", "service"] as const;

export interface CreateTokenOptions extends CommonOptions {
  readonly name: string;
  readonly kind: (typeof KINDS)[number];
  readonly module?: GivenGrant[];
  /** In seconds. */
  readonly expires?: number;
}

export interface ListTokensOptions extends CommonOptions {
  readonly name?: string;
  readonly all?: boolean;
}

export interface RotateTokenOptions extends CommonOptions {
  /** In seconds. */
  readonly overlap?: number;
  /** In seconds. */
  readonly expires?: number;
}

export interface RevokeTokenOptions extends CommonOptions {
  readonly id?: string;
}

export interface SetGrantsOptions extends CommonOptions {
  readonly module?: GivenGrant[];
  readonly none?: boolean;
}

const DESCRIPTION =
  "Makes, lists and ends the tokens by which people, agents and services are known, and says what each may do. A right " +
  "is read, record, approve or admin, each with those before it, in one module or in all (*); an agent's is read or record.";

export function tokensCommand(cli: Cli): Command {
  const command = new Command("tokens").summary("say who may do what, and hand out tokens").description(DESCRIPTION);
  const parts = [createCommand, listCommand, rotateCommand, grantCommand, revokeCommand];
  for (const make of parts) command.addCommand(addJsonOption(addAddressOption(make(cli))));
  return addExamples(command, [
    ["cos tokens create --name editor-bot --kind agent --module drafts=record --expires 30d", "a token for an agent"],
    ["cos tokens ls", "who may do what"],
    ["cos tokens revoke editor-bot", "nobody gets in with it any more"],
  ]);
}

const MODULE_OPTION = "--module <module=right>";

function createCommand(cli: Cli): Command {
  const command = new Command("create")
    .summary("make somebody known, with a first token")
    .description("Makes a principal known and prints its first token, which cannot be shown again.")
    .requiredOption("--name <name>", "small letters and digits, with dots, hyphens or underscores inside")
    .addOption(new Option("--kind <kind>", "what it is").choices(KINDS).makeOptionMandatory())
    .option(MODULE_OPTION, "a right, such as drafts=record or *=read (repeatable)", repeated(grant))
    .option("--expires <time>", "how long the token lives: 30d, 24h (default: 90 days, an agent's 30)", durationS);
  addExamples(command, [
    ["cos tokens create --name editor-bot --kind agent --module drafts=record --module pepys=read", "an agent"],
    [
      "(umask 077; cos tokens create --name nell --kind person --module '*=record' > nell.token)",
      "into a file of your own",
    ],
  ]);
  const run = runs(cli, async (options: CreateTokenOptions) => {
    const { createToken } = await import("../tokens/create-token.ts");
    return createToken(cli, options);
  });
  return command.action(run);
}

function listCommand(cli: Cli): Command {
  const command = new Command("ls")
    .alias("list")
    .summary("list the tokens")
    .description("Lists the tokens that hold, by name; never what they say.")
    .option("--name <name>", "only this principal's")
    .option("--all", "those as well that have expired or were revoked");
  addExamples(command, [
    ["cos tokens ls", "who may do what"],
    ["cos tokens ls --all --json", "for programs"],
  ]);
  const run = runs(cli, async (options: ListTokensOptions) => {
    const { listTokens } = await import("../tokens/list-tokens.ts");
    return listTokens(cli, options);
  });
  return command.action(run);
}

function rotateCommand(cli: Cli): Command {
  const command = new Command("rotate")
    .summary("replace a token by a new one")
    .description("Prints a new token for a principal. The old ones end at once, or after the overlap.")
    .argument("<name>", "the principal")
    .option("--overlap <time>", "how long the old ones still work: 24h, 30m", durationS)
    .option("--expires <time>", "how long the new one lives (default: 90 days, an agent's 30)", durationS);
  addExamples(command, [
    ["cos tokens rotate editor-bot --overlap 24h > bot.token", "a day to put the new one in place"],
  ]);
  const run = runs(cli, async (name: string, options: RotateTokenOptions) => {
    const { rotateToken } = await import("../tokens/rotate-token.ts");
    return rotateToken(cli, name, options);
  });
  return command.action(run);
}

function grantCommand(cli: Cli): Command {
  const command = new Command("grant")
    .summary("replace a principal's rights")
    .description("Gives a principal these rights and no others; what it has open follows within 5 seconds.")
    .argument("<name>", "the principal")
    .option(MODULE_OPTION, "a right, such as drafts=record or *=read (repeatable)", repeated(grant))
    .addOption(new Option("--none", "no right at all").conflicts("module"));
  addExamples(command, [
    ["cos tokens grant editor-bot --module drafts=record --module pepys=read", "these two and no others"],
    ["cos tokens grant editor-bot --none", "it may only ask who it is"],
  ]);
  const run = runs(cli, async (name: string, options: SetGrantsOptions) => {
    const { setGrants } = await import("../tokens/set-grants.ts");
    return setGrants(cli, name, options);
  });
  return command.action(run);
}

function revokeCommand(cli: Cli): Command {
  const command = new Command("revoke")
    .summary("end a principal's tokens for good")
    .description("Ends the tokens of a principal, or one of them. What was opened with them ends within 5 seconds.")
    .argument("<name>", "the principal")
    .option("--id <id>", "only this token, as `cos tokens ls` shows it", id);
  addExamples(command, [["cos tokens revoke editor-bot", "all its tokens"]]);
  const run = runs(cli, async (name: string, options: RevokeTokenOptions) => {
    const { revokeToken } = await import("../tokens/revoke-token.ts");
    return revokeToken(cli, name, options);
  });
  return command.action(run);
}
