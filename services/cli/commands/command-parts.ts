import { type Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { address } from "../options/option-parsers.ts";

/** `--address`, on every command that talks to the conductor. */
export function addAddressOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--address <host:port>",
      "where the conductor is, with https:// before it for TLS (COS_CONDUCTOR_ADDRESS, else 127.0.0.1:50051)",
    ).argParser(address),
  );
}

/** `--address`, on every command that talks to the graph. */
export function addGraphAddressOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--address <host:port>",
      "where the graph is, with https:// before it for TLS (COS_GRAPH_ADDRESS, else 127.0.0.1:50052)",
    ).argParser(address),
  );
}

export function addJsonOption(command: Command): Command {
  return command.option("--json", "one JSON object a line, for programs");
}

/** Examples below a command's help, one a line: what to type, and what for. */
export function addExamples(
  command: Command,
  examples: readonly (readonly [typed: string, purpose: string])[],
): Command {
  const width = Math.max(...examples.map(([typed]) => typed.length));
  const lines = examples.map(([typed, purpose]) => `  ${typed.padEnd(width)}  # ${purpose}`);
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

/** Makes a command run a function that answers with the exit code. */
export function runs<A extends unknown[]>(cli: Cli, run: (...args: A) => Promise<number>) {
  return async (...args: A): Promise<void> => {
    cli.exitCode = await run(...args);
  };
}
