import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { LedgerFilters } from "../commands/ledger.ts";
import type { Line } from "./line.ts";
import type { Row } from "./row.ts";

/** A terminal's size, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How the stream stands, for people. */
export interface Standing {
  readonly connection: "connecting" | "catching up" | "live" | "reconnecting";
  /** Modules that are read slower than they are recorded. */
  readonly behind: readonly string[];
  /** The highway does not serve: events come from the log. */
  readonly degraded: boolean;
}

/** What somebody types at the bottom line. */
export interface Input {
  readonly kind: "input";
  readonly asks: "search" | "type" | "source";
  readonly text: string;
}

/** One memory with all its fields. */
export interface Details {
  readonly kind: "details";
  readonly row: Row;
  /** Undefined while it is being read. */
  readonly memory: Memory | undefined;
  /** The lines of it at the terminal's present width. */
  readonly lines: readonly Line[];
  /** How many of them are above the screen. */
  readonly scrolled: number;
}

/** What the keys do. */
export interface Help {
  readonly kind: "help";
  readonly lines: readonly Line[];
  readonly scrolled: number;
}

export type Mode = { readonly kind: "list" } | Help | Input | Details;

/**
 * All that the ledger shows, and nothing else: `update` makes the next from it, `view` draws it.
 *
 *  L1  `rows` is one stretch of the ledger without a gap, in its order, of at most ROWS_MAX rows; each memory once.
 *  L2  While `following`, the last row is the newest there is, and is selected and shown.
 *  L3  `cut`: rows newer than the last one held were let go of. Then nothing is added behind it; following reads the newest again.
 *  L4  What was forgotten is held no longer.
 */
export interface Model {
  readonly size: Size;
  /** Undefined: all. */
  readonly modules: readonly string[] | undefined;
  readonly filters: LedgerFilters;
  readonly rows: readonly Row[];
  /** The row that keys are about, by its place among the rows. */
  readonly selected: number;
  /** The first row on the screen. */
  readonly top: number;
  readonly following: boolean;
  /** What was recorded since it was last followed. */
  readonly unseen: number;
  readonly cut: boolean;
  /** Whether there are rows before the first one held. */
  readonly older: "some" | "reading" | "none";
  /** What was forgotten while older rows are being read, in the words of `forgottenBy`. */
  readonly forgotten: readonly string[];
  readonly standing: Standing;
  /** What was last searched for. Empty: nothing. */
  readonly search: string;
  /** Said once, until the next key. */
  readonly note: string;
  readonly mode: Mode;
}

export type Effect =
  | { readonly kind: "end"; readonly how: "quit" | "interrupted" }
  | { readonly kind: "suspend" }
  | { readonly kind: "redraw" }
  /** Reads the newest rows. */
  | { readonly kind: "readLatest" }
  | { readonly kind: "readOlder"; readonly before: Row }
  | { readonly kind: "readMemory"; readonly row: Row }
  /** Begins anew with other filters. */
  | { readonly kind: "restart"; readonly filters: LedgerFilters };

/** The next model, and what is to be done beside. */
export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

export const CONNECTING: Standing = { connection: "connecting", behind: [], degraded: false };

export function openModel(size: Size, modules: readonly string[] | undefined, filters: LedgerFilters): Model {
  return {
    size,
    modules,
    filters,
    rows: [],
    selected: 0,
    top: 0,
    following: true,
    unseen: 0,
    cut: false,
    older: "reading",
    forgotten: [],
    standing: CONNECTING,
    search: "",
    note: "",
    mode: { kind: "list" },
  };
}
