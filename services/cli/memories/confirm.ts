import { createInterface } from "node:readline";
import type { Cli } from "../cli.ts";

/** Whether somebody sits there who can be asked. */
export function canAsk({ terminal, err }: Pick<Cli, "terminal" | "err">): boolean {
  return terminal.stdin.isTTY === true && err.isTerminal;
}

/** Asks a question to which only `y` or `yes` is a yes. Rejects with the signal's reason after Ctrl-C. */
export async function confirm({ terminal, err }: Pick<Cli, "terminal" | "err">, question: string): Promise<boolean> {
  await err.write(`${question} [y/N] `);
  // Not `terminal: true`: that would take Ctrl-C away from the process.
  const lines = createInterface({ input: terminal.stdin, terminal: false, signal: terminal.signal });
  const answer = await new Promise<string>((resolve) => {
    lines.once("line", resolve).once("close", () => resolve(""));
  });
  lines.close();
  terminal.signal.throwIfAborted();
  return /^y(?:es)?$/i.test(answer.trim());
}
