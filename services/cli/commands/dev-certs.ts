import { isIP } from "node:net";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Cli } from "../cli.ts";
import { count, repeated } from "../options/option-parsers.ts";
import { addExamples, runs } from "./command-parts.ts";

export interface DevCertsOptions {
  readonly out?: string;
  readonly host?: string[];
  readonly client?: string[];
  readonly days: number;
}

export function devCertsCommand(cli: Cli): Command {
  const command = new Command("dev-certs")
    .summary("make certificates for trying TLS")
    .description(
      "Makes an authority of your own, a certificate for servers on this machine and, if asked, certificates for clients; " +
        "says which variables to set. Run again, it keeps the authority and renews the rest.",
    )
    .option("--out <folder>", "where to put them (default: certs in COS_DATA_DIR, else in .cos of the repository)")
    .option("--host <name>", "a further name or address of the server (repeatable)", repeated(host))
    .option("--client <spiffe-name>", "a client's name, such as spiffe://cos/graph (repeatable)", repeated(spiffeName))
    .addOption(new Option("--days <count>", "how long they hold, at most 825").argParser(days).default(365));
  addExamples(command, [
    ["cos dev-certs", "for localhost"],
    ["cos dev-certs --host cos.local --host 192.168.1.10", "for other machines of this network too"],
    ["cos dev-certs --client spiffe://cos/graph", "and for a service that shows a certificate"],
  ]);
  const run = runs(cli, async (options: DevCertsOptions) => {
    const { makeDevCerts } = await import("../dev-certs/make-dev-certs.ts");
    return makeDevCerts(cli, options);
  });
  return command.action(run);
}

const HOST_NAME = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

function host(value: string): string {
  if (isIP(value) !== 0 || HOST_NAME.test(value)) return value;
  throw new InvalidArgumentError("It must be a host name or an address, without a port.");
}

/** https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md, 2 */
const SPIFFE_NAME = /^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+$/;

function spiffeName(value: string): string {
  if (SPIFFE_NAME.test(value) && !/\/\.{1,2}(?:\/|$)/.test(value)) return value;
  throw new InvalidArgumentError("It must be a SPIFFE name, such as spiffe://cos/graph.");
}

/** What Apple's clients take of a certificate at most. */
const DAYS_MAX = 825;

function days(value: string): number {
  const found = count(value);
  if (found <= DAYS_MAX) return found;
  throw new InvalidArgumentError(`It must be at most ${DAYS_MAX}.`);
}
