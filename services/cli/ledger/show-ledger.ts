import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { LedgerFilters } from "../commands/ledger.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { Ledger } from "./ledger.ts";

export interface LedgerView {
  readonly address: string | undefined;
  /** Undefined: all. */
  readonly modules: readonly string[] | undefined;
  readonly filters: LedgerFilters;
}

/** `cos ledger`: until `q` (0), Ctrl-C (130) or a refusal. */
export function showLedger(cli: Cli, { address, modules, filters }: LedgerView): Promise<number> {
  const { stdin, env } = cli.terminal;
  if (!cli.out.isTerminal || stdin.setRawMode === undefined || env.TERM === "dumb") {
    const options = modules === undefined ? " --all" : modules.map((module) => ` --module ${module}`).join("");
    throw new CliFailure(
      EXIT.usage,
      `the ledger needs a terminal to itself, and this is none: \`cos tail${options}\` writes what is recorded line by line`,
    );
  }
  return withConnection(cli, address, async (connection) => {
    const ledger = new Ledger(cli, connection, modules);
    try {
      return await ledger.run(filters);
    } finally {
      ledger.close();
    }
  });
}
