import { PassThrough } from "node:stream";
import type { ProcessEvents } from "#services/cli/terminal.ts";
import type { FakeConductor } from "./fake-conductor.ts";
import { type Ran, run, Sink } from "./run.ts";

/** A terminal's output of which one sees what stands on it: of the sequences that the ledger writes, and no others. */
class Glass extends Sink {
  readonly rows: number;
  lines: string[] = [];
  isOther = false;

  constructor(columns: number, rows: number) {
    super(true, columns);
    this.rows = rows;
    this.onText = () => this.#take();
  }

  #seen = 0;
  #take(): void {
    const added = this.text.slice(this.#seen);
    this.#seen = this.text.length;
    for (const [, row, mode, set, erase, text] of added.matchAll(
      /\x1b\[(\d+);1H\x1b\[2K|\x1b\[\?(\d+)([hl])|(\x1b\[2J)|\x1b\[[\d;]*m|([^\x1b]+)/g,
    )) {
      if (row !== undefined) [this.#at, this.lines[Number(row) - 1]] = [Number(row) - 1, ""];
      if (mode === "1049") this.isOther = set === "h";
      if (erase !== undefined) this.lines = [];
      if (text !== undefined) this.lines[this.#at] = (this.lines[this.#at] ?? "") + text;
    }
  }
  #at = 0;
}

/** A ledger that runs in this process, before a terminal that can be looked at and typed into. */
export class RunningLedger {
  readonly #glass: Glass;
  readonly #stdin = new PassThrough();
  readonly modes: boolean[] = [];
  readonly interrupt = new AbortController();
  readonly ended: Promise<Ran>;
  readonly events: { leave: () => void; resume: () => void }[] = [];
  suspended = 0;

  constructor(
    fake: FakeConductor,
    argv: readonly string[] = [],
    options: { env?: Record<string, string>; columns?: number; rows?: number } = {},
  ) {
    this.#glass = new Glass(options.columns ?? 80, options.rows ?? 12);
    const stdin = Object.assign(this.#stdin, { setRawMode: (raw: boolean) => this.modes.push(raw) });
    const processEvents: ProcessEvents = {
      suspend: () => {
        this.suspended += 1;
      },
      listen: (listeners) => {
        this.events.push(listeners);
        return () => void this.events.splice(this.events.indexOf(listeners), 1);
      },
    };
    const common = { transport: fake.transport(), isTTY: true, stdin, stdout: this.#glass, processEvents };
    this.ended = run(["ledger", ...argv], {
      ...common,
      ...(options.env && { env: options.env }),
      signal: this.interrupt.signal,
    });
  }

  type(keys: string): void {
    this.#stdin.write(keys);
  }

  /** The pipe that keys come through ends. */
  hangUp(): void {
    this.#stdin.end();
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.#glass, { columns, rows });
    this.#glass.emit("resize");
  }

  /** The terminal goes. */
  break(): void {
    this.#glass.write = () => {
      const error = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
      setImmediate(() => this.#glass.emit("error", error));
      return false;
    };
  }

  get written(): string {
    return this.#glass.text;
  }

  get isOther(): boolean {
    return this.#glass.isOther;
  }

  screen(): string {
    return Array.from(this.#glass.lines, (line) => line ?? "").join("\n");
  }

  /** Resolves once the screen matches. */
  async shows(pattern: RegExp): Promise<string> {
    const until = performance.now() + 8000;
    while (!pattern.test(this.screen())) {
      if (performance.now() > until) throw new Error(`never showed ${pattern}:\n${this.screen()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.screen();
  }
}
