import type { Readable, Writable } from "node:stream";
import type { Transport } from "@connectrpc/connect";
import type { ClientTls } from "#shared/rpc/client-tls.ts";

/** A stream to write to that may be a terminal's. */
export type TerminalStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** A transport that holds a connection. */
export type OpenTransport = Transport & { close(): void };

/** Whom to talk to, and how. */
export interface ConnectionTarget {
  /** `host:port`, or a URL. */
  readonly address: string;
  /** Unset: as the address says. */
  readonly tls?: ClientTls;
  /** Sent with every call. */
  readonly token?: string;
}

/** What a command has of the world around it. */
export interface Terminal {
  /** Where answers to questions come from, if it is a person's terminal. */
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The repository's folder; where `npm start` keeps its data is relative to it. */
  readonly root: string;
  /** Aborts with Ctrl-C: commands then come to a clean end. */
  readonly signal: AbortSignal;
  /** Opens a connection; loaded only when a command needs one. */
  readonly openTransport: (target: ConnectionTarget) => Promise<OpenTransport>;
  /** The user's name, the default source of what is recorded here. */
  readonly userName: () => string;
}
