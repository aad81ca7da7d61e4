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
  readonly #closed = Promise.withResolvers<never>();
  #error: Error | undefined;
  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#error = error.code === "EPIPE" ? new PipeClosed("the reader has gone", { cause: error }) : error;
    this.#closed.reject(this.#error);
  };

  constructor(stream: TerminalStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    // https://no-color.org: any value but the empty one.
    this.#colours = stream.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
    this.#closed.promise.catch(() => undefined);
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
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    this.#stream.once("drain", resolve);
    try {
      await Promise.race([drained, this.#closed.promise]);
    } finally {
      this.#stream.off("drain", resolve);
    }
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** Waits until everything written has left, and lets the stream go. */
  async close(): Promise<void> {
    if (this.#error === undefined) {
      const flushed = new Promise<void>((resolve) => this.#stream.write("", () => resolve()));
      await Promise.race([flushed, this.#closed.promise]).catch(() => undefined);
    }
    this.#stream.off("error", this.#onError);
    // An EPIPE may still arrive after the last write was given up.
    this.#stream.on("error", () => undefined);
  }
}
