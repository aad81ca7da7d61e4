import type { Readable, Writable } from "node:stream";
import type { Transport } from "@connectrpc/connect";
import type { ClientTls } from "#shared/rpc/client-tls.ts";

/** A stream to write to that may be a terminal's. */
export type TerminalStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** A stream to read from that may be a terminal's, which then can be told to hand on each key as it is pressed. */
export type TerminalInput = Readable & { readonly isTTY?: boolean; readonly setRawMode?: (raw: boolean) => unknown };

/** What befalls the process from outside, for a command that has the whole terminal to itself. */
export interface ProcessEvents {
  /** Stops this process and those that it was started with, as Ctrl-Z does. */
  suspend(): void;
  /**
   * Calls `leave` before the process is stopped, and before it ends in any way that can be noticed; `resume` when it goes on after a
   * stop. Returns what undoes that.
   */
  listen(listeners: { readonly leave: () => void; readonly resume: () => void }): () => void;
}

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
  readonly stdin: TerminalInput;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The repository's folder; where `npm start` keeps its data is relative to it. */
  readonly root: string;
  /** Aborts with Ctrl-C: commands then come to a clean end. */
  readonly signal: AbortSignal;
  readonly processEvents: ProcessEvents;
  /** Opens a connection; loaded only when a command needs one. */
  readonly openTransport: (target: ConnectionTarget) => Promise<OpenTransport>;
  /** The user's name, the default source of what is recorded here. */
  readonly userName: () => string;
}
