import type { TokenSource } from "./connection/find-token.ts";
import type { Output } from "./output/output.ts";
import type { Terminal } from "./terminal.ts";

/** What the commands share: the world around them and the two streams they write to. */
export interface Cli {
  readonly terminal: Terminal;
  readonly out: Output;
  readonly err: Output;
  /** Which service the command talked to. */
  service: "conductor" | "graph";
  /** Where that is; empty before the command talked to it. */
  address: string;
  /** Where the token came from that it showed; undefined: it showed none. */
  tokenSource: TokenSource | undefined;
  /** Whether it showed a certificate of its own. */
  showsCertificate: boolean;
  /** Told by the command that ran, one of `EXIT`. */
  exitCode: number;
}
