import leven from "leven";
import { namesOf, unknownVariables } from "#shared/config/read-settings.ts";
import type { Cli } from "../cli.ts";
import { cliSpec, readCliSettings } from "../config.ts";
import type { OpenTransport } from "../terminal.ts";
import { connectionTarget } from "./connection-target.ts";

/** Letters between a slip and the name that was meant; more, and it is a name of the services' (COS_TLS_CLIENT_CA). */
const SLIP_LETTERS_MAX = 2;

/** Lends a transport to the address given, else to the service's of the environment, for the length of `use`. */
export async function lendTransport<T>(
  cli: Cli,
  service: Cli["service"],
  address: string | undefined,
  use: (transport: OpenTransport) => Promise<T>,
): Promise<T> {
  await warnOfSlips(cli);
  const settings = readCliSettings(cli.terminal.env);
  const { conductorAddress, graphAddress } = settings;
  cli.service = service;
  const usual = service === "graph" ? graphAddress : conductorAddress;
  const transport = await cli.terminal.openTransport(await connectionTarget(cli, settings, address ?? usual));
  try {
    return await use(transport);
  } finally {
    transport.close();
  }
}

/** A misspelt address would quietly talk to another mesh. (What is far from our names is meant for the services.) */
async function warnOfSlips(cli: Cli): Promise<void> {
  for (const { name, meant, warning } of unknownVariables(cli.terminal.env, namesOf(cliSpec))) {
    if (meant !== undefined && leven(name, meant) <= SLIP_LETTERS_MAX) await cli.err.line(`cos: ${warning}`);
  }
}
