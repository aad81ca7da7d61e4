import type { Readable, Writable } from "node:stream";
import type { Transport } from "@connectrpc/connect";

/** A stream to write to that may be a terminal's. */
export type TerminalStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** A transport that holds a connection. */
export type OpenTransport = Transport & { close(): void };

/** What a command has of the world around it. */
export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts with Ctrl-C: commands then come to a clean end. */
  readonly signal: AbortSignal;
  /** Opens a connection to `host:port`; loaded only when a command needs one. */
  readonly openTransport: (address: string) => Promise<OpenTransport>;
  /** The user's name, the default source of what is recorded here. */
  readonly userName: () => string;
}
