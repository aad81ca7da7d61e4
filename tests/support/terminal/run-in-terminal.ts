import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { requireTool } from "../find-tool.ts";
import { environment } from "../mesh-command.ts";
import { eventually } from "../mesh-wait.ts";
import { Glass } from "./glass.ts";

const SCRIPT = join(import.meta.dirname, "run_in_terminal.py");
const PATIENCE_MS = 20_000;

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** A command before a real pseudo-terminal. */
export class TerminalRun {
  readonly glass: Glass;
  readonly #process: ChildProcess;
  readonly #told: unknown[][] = [];
  readonly #over: Promise<unknown>;

  constructor(command: readonly string[], { columns = 80, rows = 24, env = {} }: TerminalOptions = {}) {
    this.glass = new Glass(columns, rows);
    this.#process = spawn(requireTool("python3"), [SCRIPT, String(columns), String(rows), ...command], {
      stdio: ["pipe", "pipe", "pipe"],
      env: environment({ TERM: "xterm-256color", ...env }),
    });
    this.#over = once(this.#process, "close");
    this.#process.stdin?.on("error", () => undefined);
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => this.glass.take(text));
    createInterface({ input: this.#process.stderr as NonNullable<ChildProcess["stderr"]> }).on("line", (line) => {
      this.#told.push(JSON.parse(line) as unknown[]);
    });
  }

  type(keys: string): void {
    this.#order("type", keys);
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.glass, { columns, rows });
    this.#order("resize", columns, rows);
  }

  /** To the command and what it started. */
  signal(name: NodeJS.Signals): void {
    this.#order("signal", name, this.#find("started")?.[1]);
  }

  hangUp(): void {
    this.#order("hangup");
  }

  /** Resolves once the terminal shows it. */
  async shows(pattern: RegExp): Promise<string> {
    await eventually(() => pattern.test(this.glass.text()) || this.#find("ended") !== undefined, PATIENCE_MS).catch(
      () => undefined,
    );
    if (!pattern.test(this.glass.text())) throw new Error(`never showed ${pattern}:\n${this.glass.text()}`);
    return this.glass.text();
  }

  /** Resolves once the command was stopped; with whether the terminal echoes and gathers lines then. */
  async stopped(): Promise<boolean> {
    await eventually(() => this.#find("stopped") !== undefined, PATIENCE_MS);
    return this.#find("stopped")?.[1] as boolean;
  }

  /** Resolves with how the command ended, and whether the terminal echoes and gathers lines. */
  async ended(): Promise<{ code: number; isWhole: boolean | null }> {
    await eventually(() => this.#find("ended") !== undefined, PATIENCE_MS);
    this.#process.stdin?.end();
    await this.#over;
    const [, code, isWhole] = this.#find("ended") as [string, number, boolean | null];
    return { code, isWhole };
  }

  /** Ends whatever is left. */
  close(): void {
    const pid = this.#find("started")?.[1] as number | undefined;
    if (pid !== undefined && this.#find("ended") === undefined) this.signal("SIGKILL");
    this.#process.stdin?.end();
  }

  #order(...order: unknown[]): void {
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  #find(what: string): unknown[] | undefined {
    return this.#told.find(([kind]) => kind === what);
  }
}
