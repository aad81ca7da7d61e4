import { Command } from "commander";
import type { Cli } from "../cli.ts";
import { countOrAll, seal, since, text } from "../options/option-parsers.ts";
import type { GivenSeal } from "../options/parse-seal.ts";
import type { Since } from "../options/parse-since.ts";
import { addAddressOption, addExamples, addJsonOption, runs } from "./command-parts.ts";

export interface ListAuditOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly since?: Since;
  readonly who?: string;
  readonly action?: string;
  readonly limit: number;
}

export interface VerifyAuditOptions {
  readonly address?: string;
  readonly json?: boolean;
  readonly seal?: GivenSeal;
}

export function auditCommand(cli: Cli): Command {
  const command = new Command("audit")
    .summary("see what was done with rights, and prove it")
    .description(
      "Lists what was done with rights: tokens made and ended, rights given, memories forgotten. The latest first.",
    )
    .option("--since <time>", "since then: a date, an RFC 3339 time, or how long ago (24h, 30d)", since)
    .option("--who <name>", "only what this principal did", text)
    .option("--action <action>", "only this kind, such as token.created or memories.forgotten", text)
    .option("--limit <count>", "how many at most, or `all`", countOrAll, 50);
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos audit --since 1d", "since this time yesterday"],
    ["cos audit --action memories.forgotten --limit all --json", "every forgetting, for programs"],
    ["cos audit verify", "prove that nothing was changed"],
  ]);
  const run = runs(cli, async (options: ListAuditOptions) => {
    const { listAudit } = await import("../audit/list-audit.ts");
    return listAudit(cli, options);
  });
  return command.action(run).addCommand(verifyCommand(cli));
}

function verifyCommand(cli: Cli): Command {
  const command = new Command("verify")
    .summary("prove that the audit is as it was written")
    .description(
      "Compares every entry with the chain of hashes that seals it; ends with 1 if one was changed or taken away. It prints the " +
        "last seal: kept elsewhere and given back, it proves too that the end was not cut off.",
    )
    .option("--seal <number:hash>", "the seal that an earlier proof ended with", seal);
  addJsonOption(addAddressOption(command));
  addExamples(command, [
    ["cos audit verify", "every entry against its seal"],
    ["cos audit verify --seal 1204:9f86d0...0a08", "and that nothing before that seal is gone"],
  ]);
  const run = runs(cli, async (options: VerifyAuditOptions) => {
    const { verifyAudit } = await import("../audit/verify-audit.ts");
    return verifyAudit(cli, options);
  });
  return command.action(run);
}
