import { CommanderError } from "commander";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";
import { Output, PipeClosed } from "./output/output.ts";
import { cosProgram } from "./program.ts";
import type { Terminal } from "./terminal.ts";

/** The `cos` command, from its arguments to its exit code; all that it touches is in `terminal`. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr, env } = terminal;
  const [out, err] = [new Output(stdout, env), new Output(stderr, env)];
  const unconnected = { service: "conductor" as const, address: "", tokenSource: undefined, showsCertificate: false };
  const cli: Cli = { terminal, out, err, ...unconnected, exitCode: EXIT.ok };
  try {
    await cosProgram(cli).parseAsync(argv, { from: "user" });
    return cli.exitCode;
  } catch (error) {
    return await exitCodeOf(cli, error).catch(() => EXIT.failed);
  } finally {
    await cli.out.close();
    await cli.err.close();
  }
}

async function exitCodeOf(cli: Cli, error: unknown): Promise<number> {
  if (error instanceof PipeClosed) return EXIT.ok;
  // Help and usage: commander has written what there is to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (cli.terminal.signal.aborted) return EXIT.interrupted;
  const { explainError } = await import("./explain-error.ts");
  const { exitCode, lines } = explainError(error, cli);
  for (const line of lines) await cli.err.line(`${cli.err.style("red", "cos:")} ${line}`);
  return exitCode;
}
