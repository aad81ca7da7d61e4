import type { Cli } from "../cli.ts";
import type { CliSettings } from "../config.ts";
import type { ConnectionTarget } from "../terminal.ts";
import { findToken } from "./find-token.ts";
import { readClientTls } from "./read-client-tls.ts";

/** Whom to talk to and what to show there, noted in `cli` for messages. Throws SettingsError. */
export async function connectionTarget(cli: Cli, settings: CliSettings, address: string): Promise<ConnectionTarget> {
  const warn = (text: string): Promise<void> => cli.err.line(`cos: ${text}`);
  const tls = await readClientTls(settings, warn);
  const found = await findToken({ settings, address, root: cli.terminal.root, warn });
  cli.address = address;
  cli.tokenSource = found?.source;
  cli.showsCertificate = tls?.cert !== undefined;
  return { address, ...(tls && { tls }), ...(found && { token: found.token }) };
}
