import { ConnectError } from "@connectrpc/connect";
import type { Cli } from "../cli.ts";
import type { Connection } from "../connection/with-connection.ts";
import { ProgressBar } from "../output/progress-bar.ts";
import type { CountedSelection, ForgetTotals } from "./count-selections.ts";
import { forgetSelection } from "./forget-selection.ts";

/** Forgets one selection after the other and adds to the totals; what stopped it is thrown after they were told. */
export async function forgetAll(
  cli: Cli,
  { conductor }: Pick<Connection, "conductor">,
  selections: readonly CountedSelection[],
  reason: string,
  totals: ForgetTotals,
): Promise<void> {
  const bar = new ProgressBar(cli.err, "forgetting", Date.now);
  const tell = async (text: string): Promise<void> => {
    bar.clear();
    await cli.err.line(cli.err.style("dim", `cos: ${text}`));
  };
  try {
    for (const { found, ...selection } of selections) {
      const before = totals.forgotten;
      const { forgotten, highwayCleared } = await forgetSelection({
        open: (call) => conductor.forgetMemories({ ...selection, reason }, call),
        found,
        signal: cli.terminal.signal,
        onProgress: (count) => {
          totals.forgotten = before + count;
          bar.update({ done: totals.forgotten, total: totals.found, recorded: totals.forgotten });
        },
        onLost: (cause) => void tell(`connection lost (${causeOf(cause)}): going on`).catch(() => undefined),
      });
      totals.forgotten = before + forgotten;
      totals.highwayCleared &&= highwayCleared;
    }
  } catch (error) {
    await tell(`stopped after ${totals.forgotten.toLocaleString("en")}: the same command goes on from there`);
    throw error;
  } finally {
    bar.clear();
  }
}

function causeOf(cause: unknown): string {
  return cause instanceof ConnectError ? cause.rawMessage : String(cause);
}
