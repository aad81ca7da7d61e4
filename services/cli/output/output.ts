import { styleText } from "node:util";
import type { TerminalStream } from "../terminal.ts";

/** Whoever read the output has gone (`cos list | head`): there is no use in going on, and no fault in it. */
export class PipeClosed extends Error {
  override readonly name = "PipeClosed";
}

type Format = Parameters<typeof styleText>[0];

/** One of the two streams that a command writes to: in colours if a person looks, at the reader's pace. */
export class Output {
  readonly #stream: TerminalStream;
  readonly #colours: boolean;
  /** Whoever waits for the reader, to be told if it goes. */
  readonly #waiting = new Set<(error: Error) => void>();
  #error: Error | undefined;
  readonly #onError = (error: NodeJS.ErrnoException): void => {
    const failure = error.code === "EPIPE" ? new PipeClosed("the reader has gone", { cause: error }) : error;
    this.#error = failure;
    for (const reject of this.#waiting) reject(failure);
  };

  constructor(stream: TerminalStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    // https://no-color.org: any value but the empty one.
    this.#colours = stream.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
    stream.on("error", this.#onError);
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Columns of the terminal; undefined where there is none and lines may be of any length. */
  get columns(): number | undefined {
    return this.isTerminal ? (this.#stream.columns ?? 80) : undefined;
  }

  /** The text in a style of `util.styleText`, where there are colours. */
  style(format: Format, text: string): string {
    return this.#colours ? styleText(format, text, { validateStream: false }) : text;
  }

  /** Writes, and waits while the reader is behind. Rejects with `PipeClosed` once it has gone. */
  async write(text: string): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#stream.write(text)) return;
    await this.#unlessGone((resolve) => this.#stream.once("drain", resolve));
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** Waits until everything written has left, and lets the stream go. */
  async close(): Promise<void> {
    if (this.#error === undefined) {
      await this.#unlessGone((resolve) => this.#stream.write("", () => resolve())).catch(() => undefined);
    }
    this.#stream.off("error", this.#onError);
    // An EPIPE may still arrive after the last write was given up.
    this.#stream.on("error", () => undefined);
  }

  /** Waits until `begin` has its resolve called; rejects if the reader goes before. */
  async #unlessGone(begin: (resolve: () => void) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.add(reject);
    begin(resolve);
    try {
      await promise;
    } finally {
      this.#waiting.delete(reject);
      this.#stream.off("drain", resolve);
    }
  }
}
