// The ledger on its terminal: what happens goes into `update`, what comes out of `view` goes onto the screen.
//
// Owner: one `cos ledger`; `close` gives the terminal back, and is safe to call at any time.
//
//  G1  The stream begins before the newest rows are read: together they leave no gap, and what both have is held once.
//  G2  What is recorded waits for the next drawing, or until WAITING_MAX wait: neither a burst nor a terminal that stands still takes
//      more memory than what is held.
//  G3  An answer to a session that is over changes nothing.
//  G4  Every end gives the terminal back first: keys, signals, a failure anywhere, a stop by Ctrl-Z.
//
// Failure mode: while the server is away it is asked again, and the screen says so; what it refuses ends the ledger, unless it is a filter
// that was typed: then the ones before it hold again.
import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { FollowState } from "#shared/highway/client/followed.ts";
import { openPlace } from "#shared/highway/client/place.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import type { Cli } from "../cli.ts";
import type { LedgerFilters } from "../commands/ledger.ts";
import type { Connection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { explainError } from "../explain-error.ts";
import { followReadable } from "../tail/follow-readable.ts";
import { readableModules } from "../tail/readable-modules.ts";
import { followingFilter } from "./filter-of-ledger.ts";
import { CONNECTING, type Effect, type Model, openModel, type Size, type Standing } from "./model.ts";
import { nextStanding } from "./next-standing.ts";
import { parseKeys } from "./parse-keys.ts";
import { readRows } from "./read-rows.ts";
import { forgottenBy, type Row, rowOf } from "./row.ts";
import { Screen } from "./screen.ts";
import { type Message, update } from "./update.ts";
import { view } from "./view.ts";

/** Between two drawings, in milliseconds. */
const DRAWN_EVERY_MS = 33;
/** Memories that wait for the next drawing. */
const WAITING_MAX = 1000;
/** Until a server that was away is asked again, in milliseconds. */
const AGAIN_AFTER_MS = 1000;
/** Screens that are read at a time, and rows at least: the server takes little longer for them. */
const [SCREENS_READ, ROWS_READ_MIN] = [3, 100];

export class Ledger {
  readonly #cli: Cli;
  readonly #connection: Connection;
  readonly #screen: Screen;
  readonly #ended = Promise.withResolvers<number>();
  readonly #undo: (() => void)[] = [];
  #model: Model;
  #standing: Standing = CONNECTING;
  /** Aborts what belongs to the filters that are in force. */
  #session = new AbortController();
  /** The last filters that the server took. */
  #accepted: LedgerFilters | undefined;
  /** What was recorded since the last drawing. */
  #waiting: Memory[] = [];
  #keysCut = "";
  #drawTimer: NodeJS.Timeout | undefined;
  #isDrawing = false;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(cli: Cli, connection: Connection, modules: readonly string[] | undefined) {
    this.#cli = cli;
    this.#connection = connection;
    this.#screen = new Screen(cli.out, cli.terminal.stdin);
    this.#model = openModel(this.#size(), modules, {});
  }

  /** Resolves with the exit code when somebody ends it; rejects with what it could not go on for. */
  async run(filters: LedgerFilters): Promise<number> {
    const { stdin, stdout, signal, processEvents } = this.#cli.terminal;
    this.#undo.push(processEvents.listen({ leave: () => this.#screen.leave(), resume: () => this.#resume() }));
    const interrupt = (): void => this.#end(EXIT.interrupted);
    this.#listen(signal, interrupt);
    const [onKeys, onResize] = [(text: string): void => this.#takeKeys(text), (): void => this.#resize()];
    stdin.setEncoding("utf8");
    stdin.on("data", onKeys).on("end", interrupt).on("error", interrupt);
    stdout.on("resize", onResize);
    this.#undo.push(() => {
      stdin.off("data", onKeys).off("end", interrupt).pause();
      stdout.off("resize", onResize);
    });
    this.#screen.enter();
    this.#model = { ...this.#model, filters };
    this.#begin(filters);
    this.#drawSoon();
    return await this.#ended.promise;
  }

  close(): void {
    this.#session.abort();
    clearTimeout(this.#drawTimer);
    for (const undo of this.#undo.splice(0).reverse()) undo();
    this.#screen.leave();
  }

  #listen(signal: AbortSignal, interrupt: () => void): void {
    signal.addEventListener("abort", interrupt, { once: true });
    this.#undo.push(() => signal.removeEventListener("abort", interrupt));
    if (signal.aborted) interrupt();
  }

  #end(code: number): void {
    this.#screen.leave();
    this.#ended.resolve(code);
  }

  #fail(error: unknown): void {
    this.#screen.leave();
    this.#ended.reject(error);
  }

  #size(): Size {
    const { columns, rows } = this.#cli.terminal.stdout;
    // A pseudo-terminal that nobody gave a size has none.
    return { columns: columns || 80, rows: rows || 24 };
  }

  #resize(): void {
    this.#dispatch({ kind: "resized", size: this.#size() });
  }

  #resume(): void {
    this.#screen.enter();
    this.#screen.forget();
    this.#resize();
  }

  #takeKeys(text: string): void {
    const { keys, rest } = parseKeys(this.#keysCut + text);
    this.#keysCut = rest;
    for (const key of keys) this.#dispatch({ kind: "key", key });
  }

  #dispatch(message: Message): void {
    try {
      const { model, effects } = update(this.#model, message);
      this.#model = model;
      for (const effect of effects) this.#perform(effect);
      this.#drawSoon();
    } catch (error) {
      this.#fail(error);
    }
  }

  #perform(effect: Effect): void {
    const { signal } = this.#session;
    if (effect.kind === "end") this.#end(effect.how === "quit" ? EXIT.ok : EXIT.interrupted);
    else if (effect.kind === "suspend") this.#cli.terminal.processEvents.suspend();
    else if (effect.kind === "redraw") this.#screen.forget();
    else if (effect.kind === "readLatest") this.#readLatest(this.#model.filters, signal);
    else if (effect.kind === "readOlder") this.#readOlder(effect.before, signal);
    else if (effect.kind === "readMemory") this.#readMemory(effect.row, signal);
    else this.#begin(effect.filters);
  }

  #drawSoon(): void {
    if (this.#isDrawing || this.#drawTimer !== undefined) return;
    const waitMs = Math.max(0, this.#drawnAt + DRAWN_EVERY_MS - performance.now());
    this.#drawTimer = setTimeout(() => void this.#draw(), waitMs);
  }

  async #draw(): Promise<void> {
    this.#isDrawing = true;
    this.#drawTimer = undefined;
    try {
      this.#takeWaiting();
      const shown = this.#model;
      await this.#screen.draw(view(shown));
      this.#isDrawing = false;
      this.#drawnAt = performance.now();
      if (shown !== this.#model || this.#waiting.length > 0) this.#drawSoon();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Begins a session with these filters, in place of the one before. */
  #begin(filters: LedgerFilters): void {
    this.#session.abort();
    this.#session = new AbortController();
    this.#waiting = [];
    const { signal } = this.#session;
    this.#follow(filters, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#recover(error, filters, signal);
    });
  }

  async #follow(filters: LedgerFilters, signal: AbortSignal): Promise<void> {
    const { conductor } = this.#connection;
    const { modules } = this.#model;
    const filter = followingFilter(filters);
    const request = create(SubscribeRequestSchema, {
      modules: [...(modules ?? [])],
      allModules: modules === undefined,
      filter,
    });
    this.#standing = CONNECTING;
    const stream = followReadable({
      open: (place, call) => conductor.subscribe({ ...request, ...place }, call),
      signal,
      onState: (state) => this.#takeState(state, filters, signal),
      place: openPlace(),
      named: modules,
      readable: () => readableModules(this.#connection, signal),
      // What is held of a module that may no longer be read is not to be seen any longer.
      onTaken: async () => this.#dispatch({ kind: "refused", filters, note: TAKEN }),
    });
    for await (const followed of stream) {
      if (followed.kind === "event" && followed.event.body.case === "memory")
        this.#takeMemory(followed.event.body.value);
    }
  }

  #takeMemory(memory: Memory): void {
    this.#waiting.push(memory);
    if (this.#waiting.length >= WAITING_MAX) this.#takeWaiting();
    this.#drawSoon();
  }

  #takeWaiting(): void {
    if (this.#waiting.length === 0) return;
    const memories = this.#waiting.splice(0);
    this.#dispatch({ kind: "recorded", rows: memories.map(rowOf), forgotten: memories.flatMap(forgottenBy) });
  }

  #takeState(state: FollowState, filters: LedgerFilters, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#standing = nextStanding(this.#standing, state);
    this.#dispatch({ kind: "standing", standing: this.#standing });
    if (state.kind !== "connected" || state.resumed) return;
    this.#accepted = filters;
    this.#readLatest(filters, signal);
  }

  /** After a session that failed. */
  #recover(error: unknown, filters: LedgerFilters, signal: AbortSignal): void {
    const isFirst = this.#accepted === undefined;
    if (!isFirst && error instanceof ConnectError) this.#later(signal, () => this.#begin(filters));
    else if (this.#accepted === undefined || this.#accepted === filters || !(error instanceof StreamRefused))
      this.#fail(error);
    else this.#dispatch({ kind: "refused", filters: this.#accepted, note: this.#wordsFor(error) });
  }

  #later(signal: AbortSignal, act: () => void): void {
    const timer = setTimeout(act, AGAIN_AFTER_MS);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  #readLatest(filters: LedgerFilters, signal: AbortSignal): void {
    this.#read(undefined, filters, signal).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#dispatch({ kind: "noted", note: this.#wordsFor(error) });
      this.#later(signal, () => this.#readLatest(filters, signal));
    });
  }

  #readOlder(before: Row, signal: AbortSignal): void {
    this.#read(before, this.#model.filters, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#dispatch({ kind: "unread", what: "rows", note: this.#wordsFor(error) });
    });
  }

  async #read(before: Row | undefined, filters: LedgerFilters, signal: AbortSignal): Promise<void> {
    const { modules, size } = this.#model;
    const count = Math.max(ROWS_READ_MIN, SCREENS_READ * size.rows);
    const found = await readRows(this.#connection, { modules, filters, before, count }, signal);
    if (!signal.aborted) this.#dispatch({ kind: "readRows", before, ...found });
  }

  #readMemory({ id, module }: Row, signal: AbortSignal): void {
    this.#connection.conductor.getMemory({ id, module, view: MemoryView.FULL }, { signal }).then(
      ({ memory }) => {
        if (memory !== undefined && !signal.aborted) this.#dispatch({ kind: "readMemory", memory });
      },
      (error: unknown) => {
        if (!signal.aborted) this.#dispatch({ kind: "unread", what: "memory", note: this.#wordsFor(error) });
      },
    );
  }

  #wordsFor(error: unknown): string {
    return explainError(error, this.#cli).lines.join("; ");
  }
}

const TAKEN = "what you may read has changed: going on with what is left";
