import type { Cli } from "../cli.ts";
import type { Graph } from "../connection/with-graph.ts";

/** Where a command looks for what it was told. */
export interface Search {
  readonly cli: Cli;
  readonly graph: Graph;
  readonly signal: AbortSignal;
  /** Unset: all modules that may be read. */
  readonly module: string | undefined;
  /** Unset: any. */
  readonly kind: string | undefined;
}

export function searchOf(
  cli: Cli,
  graph: Graph,
  { module, kind }: { readonly module?: string; readonly kind?: string },
): Search {
  return { cli, graph, signal: cli.terminal.signal, module, kind };
}
